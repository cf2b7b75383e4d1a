#include "coordinator/run/room_wait.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/disk_full.h"

namespace halfpipe {
namespace {

// 5 s, 10 s, 20 s, 40 s, then every minute.
absl::Duration DelayBefore(int attempt) {
  return std::min(absl::Minutes(1),
                  absl::Seconds(5) * (int64_t{1} << std::min(attempt, 4)));
}

std::string WaitText(const absl::Status& cause) {
  if (IsDiskFull(cause)) {
    return absl::StrCat(
        "waits for room on a full disk: ", std::string(cause.message()),
        ". Nothing is lost: make room there, and the job goes on by itself");
  }
  return absl::StrCat(
      "waits for descriptors or memory of the system: ",
      std::string(cause.message()),
      ". Nothing is lost: the job goes on by itself when there are some again");
}

}  // namespace

void RoomWait::OnDiskFull(absl::Status cause, Move then) {
  cause_ = std::move(cause);
  what_ = then;
}

NextMove RoomWait::AfterAnswers() {
  return NextMove::For(what_, *std::exchange(cause_, std::nullopt));
}

void RoomWait::Hold(Move what, const absl::Status& cause) {
  const std::string reason = WaitText(cause);
  if (attempts_ == 0) run_->Log(LogSeverity::kWarning, reason);
  run_->host->SetReason(reason);
  what_ = what;
  try_at_.reset();
}

bool RoomWait::IsTryDue(absl::Time now) {
  if (!try_at_.has_value()) try_at_ = now + DelayBefore(attempts_++);
  return now >= *try_at_;
}

void RoomWait::OnRoom() {
  if (std::exchange(attempts_, 0) == 0) return;
  run_->Log(LogSeverity::kInfo, "what the job waited for is there again");
  run_->host->SetReason("");
}

bool RoomWait::TakeShortage(const absl::Status& error) {
  if (!IsShortage(error)) return false;
  if (attempts_ == 0) run_->Log(LogSeverity::kWarning, WaitText(error));
  if (!shortage_.has_value()) shortage_ = error;
  return true;
}

absl::Status RoomWait::EndShortage() {
  return *std::exchange(shortage_, std::nullopt);
}

std::optional<absl::Duration> RoomWait::DelayFor(const absl::Status& cause) {
  // Nobody is to blame, and nothing is lost.
  if (IsShortage(cause)) return DelayBefore(attempts_++);
  attempts_ = 0;
  return std::nullopt;
}

void RoomWait::Forget() {
  cause_.reset();
  shortage_.reset();
}

}  // namespace halfpipe
