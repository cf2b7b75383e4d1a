#include "coordinator/run/nonfinite_guard.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/jobs/failure_notes.h"

namespace halfpipe {
namespace {

constexpr int64_t kMostSkippedInARow = 20;
constexpr double kRollbackFactor = 0.5;
// Six rollbacks: with a 64th of the rate it is not the rate.
constexpr double kSmallestFactor = 1.0 / 64;

}  // namespace

absl::Status NonFiniteGuard::OnStep(const StepProgress& progress,
                                    int64_t step) {
  if (std::isfinite(progress.loss) && std::isfinite(progress.grad_norm)) {
    skipped_in_a_row_ = 0;
    return absl::OkStatus();
  }
  const std::string what =
      absl::StrCat("non-finite loss or gradient norm at step ", step, " (loss ",
                   progress.loss, ", norm ", progress.grad_norm, ")");
  const bool skip =
      run_->plan.config.train.on_nonfinite == NonFinitePolicy::kSkip;
  if (skip && ++skipped_in_a_row_ <= kMostSkippedInARow) {
    run_->Log(LogSeverity::kWarning,
              absl::StrCat(what,
                           ": skipped (train.on_nonfinite), the weights are "
                           "as they were"));
    return absl::OkStatus();
  }
  return NonFiniteError(absl::StrCat(
      what, skip ? ", as in the 20 steps before, which were skipped" : "",
      ": lower the learning rate and look for broken clips"));
}

std::optional<absl::Status> NonFiniteGuard::RollBack(
    const absl::Status& failure) {
  const bool asked =
      run_->plan.config.train.on_nonfinite == NonFinitePolicy::kRollback;
  if (!asked || !IsNonFinite(failure) || factor_ <= kSmallestFactor) {
    return std::nullopt;
  }
  factor_ *= kRollbackFactor;
  rolling_back_ = true;
  const std::string text =
      absl::StrCat(std::string(failure.message()),
                   ". Back to the last checkpoint, from there with ", factor_,
                   " of the learning rate (train.on_nonfinite)");
  run_->Log(LogSeverity::kWarning, text);
  return NonFiniteError(text);
}

bool NonFiniteGuard::TakeRollback() {
  return std::exchange(rolling_back_, false);
}

void NonFiniteGuard::OnChosen(bool rolling_back, int64_t saved_steps,
                              double recorded) {
  // Stages that form again at the place of the last rollback go on from it, as
  // a job that was resumed there would after meeting the same step again.
  const bool again = rolled_back_to_ == saved_steps;
  if (rolling_back) {
    rolled_back_to_ = saved_steps;
  } else if (!again) {
    factor_ = recorded;
    rolled_back_to_.reset();
  }
}

bool NonFiniteGuard::IsRegular(const Checkpoint& checkpoint) const {
  // One that was asked for, or that a pause, a cancel or a stopped service has
  // left, stands where no undisturbed run has one.
  const int64_t every = run_->plan.config.output.save_every.steps;
  return every == 0 || checkpoint.steps_done % every == 0;
}

bool NonFiniteGuard::IsTarget(const Checkpoint& checkpoint,
                              const std::vector<Checkpoint>& all) const {
  if (run_->plan.config.train.on_nonfinite != NonFinitePolicy::kRollback) {
    return false;
  }
  const auto last =
      std::find_if(all.rbegin(), all.rend(),
                   [&](const Checkpoint& c) { return IsRegular(c); });
  return last != all.rend() && last->steps_done == checkpoint.steps_done;
}

}  // namespace halfpipe
