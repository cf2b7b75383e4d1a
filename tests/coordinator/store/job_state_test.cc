#include "coordinator/store/job_state.h"

#include <map>
#include <utility>

#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using S = JobState;
using T = JobTrigger;

constexpr S kStates[] = {
    S::kQueued, S::kPreparing, S::kRunning,   S::kSaving, S::kCancelling,
    S::kDone,   S::kFailed,    S::kCancelled, S::kPaused, S::kPausing};
constexpr T kTriggers[] = {
    T::kStart,    T::kReady, T::kSave,   T::kSaved,     T::kStageLost,
    T::kComplete, T::kFail,  T::kCancel, T::kCancelled, T::kInterrupted,
    T::kResume,   T::kPause, T::kPaused, T::kRetry};

// Every pair that is allowed, written down a second time.
const std::map<std::pair<S, T>, S>& Allowed() {
  static const auto& allowed = *new std::map<std::pair<S, T>, S>{
      {{S::kQueued, T::kStart}, S::kPreparing},
      {{S::kQueued, T::kCancel}, S::kCancelled},
      {{S::kQueued, T::kFail}, S::kFailed},
      {{S::kQueued, T::kInterrupted}, S::kQueued},
      {{S::kQueued, T::kPause}, S::kPaused},
      {{S::kQueued, T::kRetry}, S::kQueued},
      {{S::kPreparing, T::kReady}, S::kRunning},
      {{S::kPreparing, T::kStageLost}, S::kPreparing},
      {{S::kPreparing, T::kComplete}, S::kDone},
      {{S::kPreparing, T::kFail}, S::kFailed},
      {{S::kPreparing, T::kCancel}, S::kCancelling},
      {{S::kPreparing, T::kInterrupted}, S::kQueued},
      {{S::kPreparing, T::kPause}, S::kPausing},
      {{S::kPreparing, T::kRetry}, S::kQueued},
      {{S::kRunning, T::kSave}, S::kSaving},
      {{S::kRunning, T::kStageLost}, S::kPreparing},
      {{S::kRunning, T::kComplete}, S::kDone},
      {{S::kRunning, T::kFail}, S::kFailed},
      {{S::kRunning, T::kCancel}, S::kCancelling},
      {{S::kRunning, T::kInterrupted}, S::kQueued},
      {{S::kRunning, T::kPause}, S::kPausing},
      {{S::kRunning, T::kRetry}, S::kQueued},
      {{S::kSaving, T::kSaved}, S::kRunning},
      {{S::kSaving, T::kStageLost}, S::kPreparing},
      {{S::kSaving, T::kComplete}, S::kDone},
      {{S::kSaving, T::kFail}, S::kFailed},
      {{S::kSaving, T::kCancel}, S::kCancelling},
      {{S::kSaving, T::kInterrupted}, S::kQueued},
      {{S::kSaving, T::kPause}, S::kPausing},
      {{S::kSaving, T::kRetry}, S::kQueued},
      {{S::kPausing, T::kPaused}, S::kPaused},
      {{S::kPausing, T::kComplete}, S::kDone},
      {{S::kPausing, T::kFail}, S::kFailed},
      {{S::kPausing, T::kCancel}, S::kCancelling},
      {{S::kPausing, T::kInterrupted}, S::kPaused},
      {{S::kPausing, T::kRetry}, S::kPaused},
      {{S::kPaused, T::kResume}, S::kQueued},
      {{S::kPaused, T::kCancel}, S::kCancelled},
      {{S::kPaused, T::kInterrupted}, S::kPaused},
      {{S::kCancelling, T::kCancel}, S::kCancelling},
      {{S::kCancelling, T::kCancelled}, S::kCancelled},
      {{S::kCancelling, T::kComplete}, S::kDone},
      {{S::kCancelling, T::kInterrupted}, S::kCancelled},
      {{S::kDone, T::kResume}, S::kQueued},
      {{S::kFailed, T::kResume}, S::kQueued},
      {{S::kCancelled, T::kResume}, S::kQueued}};
  return allowed;
}

TEST(JobStateTest, EveryPairOfStateAndTrigger) {
  for (S state : kStates) {
    for (T trigger : kTriggers) {
      auto found = Allowed().find({state, trigger});
      const auto expected = found == Allowed().end()
                                ? std::optional<S>()
                                : std::optional<S>(found->second);
      EXPECT_EQ(NextJobState(state, trigger), expected)
          << JobStateName(state) << ", " << JobTriggerName(trigger);
    }
  }
}

TEST(JobStateTest, NamesParse) {
  for (S state : kStates) {
    EXPECT_EQ(ParseJobState(JobStateName(state)), state);
  }
  EXPECT_EQ(ParseJobState("Running"), std::nullopt);
}

}  // namespace
}  // namespace halfpipe
