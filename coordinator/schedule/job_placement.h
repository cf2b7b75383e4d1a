// Which pair of stages a job may run on.
#ifndef HP_COORDINATOR_SCHEDULE_JOB_PLACEMENT_H_
#define HP_COORDINATOR_SCHEDULE_JOB_PLACEMENT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/config/job_config.h"
#include "common/jobs/job_types.h"
#include "common/jobs/stage_protocol.h"

namespace halfpipe {

// What a job asks of the pair that it runs on. Whether the model fits its
// memory is known only once the job's files were looked at: the memory planner
// says so, and then another pair is tried.
struct JobNeeds {
  std::string pair;  // that and no other; empty: any
  int64_t stages = 2;
  DeviceType device = DeviceType::kAuto;
  // Normalised: one job at a time may write to it. Empty: this one does not.
  std::string output_dir;
  absl::Duration join_timeout = absl::InfiniteDuration();
};

[[nodiscard]] JobNeeds NeedsOf(const JobConfig& config, const JobSpec& spec);

// The ranks that the job needs and `stages` lack, as "stage 0 and stage 1";
// empty: none.
[[nodiscard]] std::string MissingStages(const std::vector<StageInfo>& stages,
                                        int64_t world);

// Why a pair that is whole cannot run the job, for people ("its stages have no
// GPU"); empty: it can. `stages` are those of the pair.
[[nodiscard]] std::string WhyUnfit(const JobNeeds& needs,
                                   const std::string& pair,
                                   const std::vector<StageInfo>& stages);

}  // namespace halfpipe

#endif  // HP_COORDINATOR_SCHEDULE_JOB_PLACEMENT_H_
