// What the page's data look like. docs/page.md lists the fields.
#ifndef HP_COORDINATOR_PAGE_PAGE_JSON_H_
#define HP_COORDINATOR_PAGE_PAGE_JSON_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/jobs/job_types.h"
#include "coordinator/page/loss_curve.h"

namespace halfpipe {

// What whoever asks may do.
struct PageRights {
  bool looks_closely = false;  // at the settings, the log and the files
  bool acts = false;           // pauses, resumes, saves and cancels
};

// Every job that has not ended, in the order of the queue behind those that are
// under way, then those that have ended last; and the stages.
[[nodiscard]] std::string OverviewJson(const ServerInfo& info,
                                       const std::vector<Job>& live,
                                       const std::vector<Job>& ended,
                                       absl::Time now);

// One job with its curve and its last step, both stages on one clock. `trace`
// is empty where there is none.
[[nodiscard]] std::string JobPageJson(const Job& job,
                                      const std::vector<LossPoint>& curve,
                                      const std::vector<StepTrace>& trace,
                                      absl::Time now,
                                      const PageRights& rights = {});

// {"error": text}
[[nodiscard]] std::string ErrorJson(absl::string_view text);

}  // namespace halfpipe

#endif  // HP_COORDINATOR_PAGE_PAGE_JSON_H_
