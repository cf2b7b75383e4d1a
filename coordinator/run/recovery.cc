#include "coordinator/run/recovery.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/disk_full.h"
#include "common/base/failure.h"
#include "common/base/status.h"
#include "common/jobs/failure_notes.h"
#include "coordinator/run/command_kinds.h"

namespace halfpipe {
namespace {

// A stage that fails because its peer did reports first, sometimes.
constexpr absl::Duration kCauseGrace = absl::Seconds(3);

}  // namespace

void Recovery::BeginWait(const std::string& cause, absl::Duration delay,
                         absl::Time now) {
  wait_since_ = now;
  resume_at_ = now + delay;
  cause_ = cause;
}

absl::Status Recovery::CheckPatience(absl::Time now) const {
  const absl::Duration timeout = run_->plan.join_timeout;
  if (now - wait_since_ <= timeout) return absl::OkStatus();
  return Described(
      absl::DeadlineExceededError(absl::StrCat(
          run_->stages.Missing(), " did not join within ",
          absl::FormatDuration(timeout),
          ": see that process's log for the reason",
          cause_.empty() ? "" : "; it was missed after: ", cause_)),
      run_->stages.OnlyMissing());
}

void Recovery::Suspect(absl::Status cause, absl::Time now) {
  suspected_ = std::move(cause);
  suspected_until_ = now + kCauseGrace;
}

absl::Status Recovery::EndSuspicion() {
  return *std::exchange(suspected_, std::nullopt);
}

absl::Status Recovery::CauseWith(const absl::Status& report) {
  if (!suspected_.has_value()) return report;
  const absl::Status first = EndSuspicion();
  return IsDeviceFault(report) ? report : first;
}

absl::Status Recovery::CauseOfLoss(Rank rank) const {
  // A process whose device failed says so and then ends itself.
  if (suspected_.has_value() && IsDeviceFault(*suspected_)) return *suspected_;
  return Described(
      absl::UnavailableError(absl::StrCat("stage ", rank.value(), " was lost")),
      rank.value());
}

bool Recovery::MayBeCause(Rank rank, const CommandResult& result) const {
  if (result.epoch != run_->stages.last_epoch() || result.status.ok() ||
      IsWorthRestart(result.status) || IsShortage(result.status)) {
    return false;
  }
  // Its folder was taken away under it; the save comes again.
  if (run_->stages.WasVoided(rank, result.sequence, kSaveKind)) return false;
  // Every rank says so, and its step comes again.
  return !IsNonFinite(result.status);
}

absl::StatusOr<absl::Duration> Recovery::DelayBeforeRestart(
    const absl::Status& cause) {
  if (const auto delay = room_.DelayFor(cause); delay.has_value()) {
    return *delay;
  }
  if (const auto delay = restarts_.NextDelay(); delay.has_value()) {
    return *delay;
  }
  return Annotate(
      cause, absl::StrCat("gave up after ", restarts_.limit(),
                          " restarts without a further step; the last one"));
}

}  // namespace halfpipe
