#include "coordinator/store/job_state.h"

#include <array>

namespace halfpipe {
namespace {

struct Transition {
  JobState from;
  JobTrigger trigger;
  JobState to;
};

using S = JobState;
using T = JobTrigger;

constexpr std::array<Transition, 46> kTransitions = {{
    {S::kQueued, T::kStart, S::kPreparing},
    {S::kQueued, T::kCancel, S::kCancelled},
    {S::kQueued, T::kFail, S::kFailed},
    {S::kQueued, T::kInterrupted, S::kQueued},
    {S::kQueued, T::kPause, S::kPaused},
    {S::kQueued, T::kRetry, S::kQueued},
    {S::kPreparing, T::kReady, S::kRunning},
    {S::kPreparing, T::kStageLost, S::kPreparing},
    {S::kPreparing, T::kComplete, S::kDone},
    {S::kPreparing, T::kFail, S::kFailed},
    {S::kPreparing, T::kCancel, S::kCancelling},
    {S::kPreparing, T::kInterrupted, S::kQueued},
    {S::kPreparing, T::kPause, S::kPausing},
    {S::kPreparing, T::kRetry, S::kQueued},
    {S::kRunning, T::kSave, S::kSaving},
    {S::kRunning, T::kStageLost, S::kPreparing},
    {S::kRunning, T::kComplete, S::kDone},
    {S::kRunning, T::kFail, S::kFailed},
    {S::kRunning, T::kCancel, S::kCancelling},
    {S::kRunning, T::kInterrupted, S::kQueued},
    {S::kRunning, T::kPause, S::kPausing},
    {S::kRunning, T::kRetry, S::kQueued},
    {S::kSaving, T::kSaved, S::kRunning},
    {S::kSaving, T::kStageLost, S::kPreparing},
    {S::kSaving, T::kComplete, S::kDone},
    {S::kSaving, T::kFail, S::kFailed},
    {S::kSaving, T::kCancel, S::kCancelling},
    {S::kSaving, T::kInterrupted, S::kQueued},
    {S::kSaving, T::kPause, S::kPausing},
    {S::kSaving, T::kRetry, S::kQueued},
    {S::kPausing, T::kPaused, S::kPaused},
    {S::kPausing, T::kComplete, S::kDone},
    {S::kPausing, T::kFail, S::kFailed},
    {S::kPausing, T::kCancel, S::kCancelling},
    {S::kPausing, T::kInterrupted, S::kPaused},
    {S::kPausing, T::kRetry, S::kPaused},
    {S::kPaused, T::kResume, S::kQueued},
    {S::kPaused, T::kCancel, S::kCancelled},
    {S::kPaused, T::kInterrupted, S::kPaused},
    {S::kCancelling, T::kCancel, S::kCancelling},
    {S::kCancelling, T::kCancelled, S::kCancelled},
    {S::kCancelling, T::kComplete, S::kDone},
    {S::kCancelling, T::kInterrupted, S::kCancelled},
    {S::kDone, T::kResume, S::kQueued},
    {S::kFailed, T::kResume, S::kQueued},
    {S::kCancelled, T::kResume, S::kQueued},
}};

constexpr std::array<const char*, 14> kTriggerNames = {
    "start",    "ready", "save",   "saved",     "stage lost",
    "complete", "fail",  "cancel", "cancelled", "interrupted",
    "resume",   "pause", "paused", "retry"};

}  // namespace

absl::string_view JobTriggerName(JobTrigger trigger) {
  return kTriggerNames[static_cast<size_t>(trigger)];
}

std::optional<JobState> NextJobState(JobState state, JobTrigger trigger) {
  for (const Transition& transition : kTransitions) {
    if (transition.from == state && transition.trigger == trigger) {
      return transition.to;
    }
  }
  return std::nullopt;
}

}  // namespace halfpipe
