// The runner's answers to a step whose loss or gradient is not finite. The
// stages have changed nothing in it, on either rank.
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/jobs/failure_notes.h"
#include "coordinator/run/command_kinds.h"
#include "coordinator/run/job_runner.h"

namespace halfpipe {
namespace {

constexpr int64_t kMostSkippedInARow = 20;
constexpr double kRollbackFactor = 0.5;
// Six rollbacks: with a 64th of the rate it is not the rate.
constexpr double kSmallestFactor = 1.0 / 64;

}  // namespace

absl::Status JobRunner::TakeNonFinite(const StepProgress& progress,
                                      int64_t step) {
  if (std::isfinite(progress.loss) && std::isfinite(progress.grad_norm)) {
    skipped_in_a_row_ = 0;
    return absl::OkStatus();
  }
  const std::string what =
      absl::StrCat("non-finite loss or gradient norm at step ", step, " (loss ",
                   progress.loss, ", norm ", progress.grad_norm, ")");
  const bool skip = plan_.config.train.on_nonfinite == NonFinitePolicy::kSkip;
  if (skip && ++skipped_in_a_row_ <= kMostSkippedInARow) {
    Say(LogSeverity::kWarning,
        absl::StrCat(what,
                     ": skipped (train.on_nonfinite), the weights are "
                     "as they were"));
    return absl::OkStatus();
  }
  return NonFiniteError(absl::StrCat(
      what, skip ? ", as in the 20 steps before, which were skipped" : "",
      ": lower the learning rate and look for broken clips"));
}

bool JobRunner::RollBack(const Pending& command, const absl::Status& failure,
                         absl::Time now) {
  const bool asked =
      plan_.config.train.on_nonfinite == NonFinitePolicy::kRollback;
  if (!asked || command.kind != kStepKind || !IsNonFinite(failure) ||
      stop_ != StopKind::kNone) {
    return false;
  }
  if (learning_rate_factor_ <= kSmallestFactor) return false;
  learning_rate_factor_ *= kRollbackFactor;
  rolling_back_ = true;
  ForgetHeld();
  const std::string text = absl::StrCat(
      std::string(failure.message()),
      ". Back to the last checkpoint, from there with ", learning_rate_factor_,
      " of the learning rate (train.on_nonfinite)");
  Say(LogSeverity::kWarning, text);
  suspected_.reset();
  host_->OnNonFiniteStep();
  FormAgain(NonFiniteError(text), absl::ZeroDuration(), now);
  return true;
}

void JobRunner::TakeFactor(bool rolling_back, double recorded) {
  // A pair that forms again at the place of the last rollback goes on from it,
  // as a job that was resumed there would after meeting the same step again.
  const bool again = rolled_back_to_ == saved_steps_;
  if (rolling_back) {
    rolled_back_to_ = saved_steps_;
  } else if (!again) {
    learning_rate_factor_ = recorded;
    rolled_back_to_.reset();
  }
}

bool JobRunner::IsRegular(const Checkpoint& checkpoint) const {
  // One that was asked for, or that a pause, a cancel or a stopped service has
  // left, stands where no undisturbed run has one.
  const int64_t every = plan_.config.output.save_every.steps;
  return every == 0 || checkpoint.steps_done % every == 0;
}

bool JobRunner::IsRollbackTarget(const Checkpoint& checkpoint) const {
  if (plan_.config.train.on_nonfinite != NonFinitePolicy::kRollback) {
    return false;
  }
  const auto last =
      std::find_if(checkpoints_.rbegin(), checkpoints_.rend(),
                   [&](const Checkpoint& c) { return IsRegular(c); });
  return last != checkpoints_.rend() &&
         last->steps_done == checkpoint.steps_done;
}

}  // namespace halfpipe
