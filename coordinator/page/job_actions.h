// What a page's user may have done to a job.
#ifndef HP_COORDINATOR_PAGE_JOB_ACTIONS_H_
#define HP_COORDINATOR_PAGE_JOB_ACTIONS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/auth/token_book.h"
#include "common/jobs/job_types.h"
#include "coordinator/schedule/coordinator.h"

namespace halfpipe {

// Whether a token of this role may: as over gRPC (api/method_roles.cc).
[[nodiscard]] bool MayAct(Role role);

// Of "pause", "resume", "save" and "cancel" those that make sense for a job in
// this state.
[[nodiscard]] std::vector<std::string> ActionsIn(JobState state);

// Codes: the coordinator's; NotFound: there is no such action.
[[nodiscard]] absl::StatusOr<Job> Act(Coordinator& coordinator,
                                      const std::string& id,
                                      absl::string_view action);

}  // namespace halfpipe

#endif  // HP_COORDINATOR_PAGE_JOB_ACTIONS_H_
