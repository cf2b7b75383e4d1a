#include "common/jobs/job_types.h"

#include <array>
#include <utility>

namespace halfpipe {
namespace {

constexpr std::array<std::pair<JobState, const char*>, 10> kStateNames = {{
    {JobState::kQueued, "queued"},
    {JobState::kPreparing, "preparing"},
    {JobState::kRunning, "running"},
    {JobState::kSaving, "saving"},
    {JobState::kCancelling, "cancelling"},
    {JobState::kDone, "done"},
    {JobState::kFailed, "failed"},
    {JobState::kCancelled, "cancelled"},
    {JobState::kPaused, "paused"},
    {JobState::kPausing, "pausing"},
}};

}  // namespace

absl::string_view JobStateName(JobState state) {
  for (const auto& [value, name] : kStateNames) {
    if (value == state) return name;
  }
  return "unknown";
}

std::optional<JobState> ParseJobState(absl::string_view name) {
  for (const auto& [value, state_name] : kStateNames) {
    if (name == state_name) return value;
  }
  return std::nullopt;
}

absl::string_view JobKindName(JobKind kind) {
  switch (kind) {
    case JobKind::kTrain:
      return "train";
    case JobKind::kPrepare:
      return "prepare";
    case JobKind::kCheck:
      return "check";
  }
  return "unknown";
}

bool HasEnded(JobState state) {
  return state == JobState::kDone || state == JobState::kFailed ||
         state == JobState::kCancelled;
}

}  // namespace halfpipe
