#include "coordinator/page/job_actions.h"

#include "absl/strings/str_cat.h"

namespace halfpipe {

bool MayAct(Role role) { return role == Role::kSubmit || role == Role::kAdmin; }

std::vector<std::string> ActionsIn(JobState state) {
  switch (state) {
    case JobState::kQueued:
    case JobState::kPreparing:
    case JobState::kSaving:
      return {"pause", "cancel"};
    case JobState::kRunning:
      return {"pause", "save", "cancel"};
    case JobState::kPausing:
      return {"cancel"};
    case JobState::kPaused:
      return {"resume", "cancel"};
    case JobState::kFailed:
    case JobState::kCancelled:
      return {"resume"};
    case JobState::kCancelling:
    case JobState::kDone:
      return {};
  }
  return {};
}

absl::StatusOr<Job> Act(Coordinator& coordinator, const std::string& id,
                        absl::string_view action) {
  if (action == "pause") return coordinator.PauseJob(id);
  if (action == "resume") return coordinator.ResumeJob(id);
  if (action == "save") return coordinator.SaveJob(id);
  // Its last step is saved.
  if (action == "cancel") return coordinator.CancelJob(id, /*now=*/false);
  return absl::NotFoundError(
      absl::StrCat("there is no action \"", action, "\""));
}

}  // namespace halfpipe
