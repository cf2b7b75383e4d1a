// The runner's patience with a disk that is full: nothing is lost by waiting,
// and the job goes on by itself.
#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/disk_full.h"
#include "common/base/status.h"
#include "coordinator/run/command_kinds.h"
#include "coordinator/run/job_runner.h"

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
      ". Nothing is lost: the job goes on by itself once there are some");
}

}  // namespace

bool JobRunner::TakeDiskFull(const Pending& command,
                             const absl::Status& failure, absl::Time now) {
  const bool encodes = command.kind == kEncodeKind || command.kind == kScanKind;
  const bool saves = command.kind == kSaveKind || command.kind == kExportKind;
  if (!IsWaitedFor(failure) || !(encodes || saves)) return false;
  full_disk_ = failure;
  const RoomFor save = std::exchange(adding_formats_, false) ? RoomFor::kPublish
                                                             : RoomFor::kSave;
  room_for_ = saves ? save : RoomFor::kEncode;
  if (AllAnswered()) WaitForRoom(room_for_, now);
  return true;
}

void JobRunner::WaitForRoom(RoomFor what, absl::Time now) {
  const absl::Status cause = *std::exchange(full_disk_, std::nullopt);
  if (!save_directory_.empty()) {
    ledger_->Discard(std::exchange(save_directory_, ""));
  }
  if (stop_ == StopKind::kNone) return HoldForRoom(what, cause);
  // Whoever asked for a stop does not wait for a disk.
  FinishStopped(absl::StrCat("there was no room for a later one: ",
                             std::string(cause.message())),
                now);
}

void JobRunner::HoldForRoom(RoomFor what, const absl::Status& cause) {
  const std::string reason = WaitText(cause);
  if (room_attempts_ == 0) Say(LogSeverity::kWarning, reason);
  host_->SetReason(reason);
  phase_ = Phase::kNoRoom;
  room_for_ = what;
  room_try_at_.reset();
}

void JobRunner::TryForRoom(absl::Time now) {
  if (!room_try_at_.has_value()) {
    room_try_at_ = now + DelayBefore(room_attempts_++);
  }
  if (now < *room_try_at_) return;
  switch (room_for_) {
    case RoomFor::kEncode:
      return BeginScan();
    case RoomFor::kSave:
      return BeginSave(now);
    case RoomFor::kPublish:
      return Complete(resume_from_);
  }
}

bool JobRunner::TakeShortage(const absl::Status& error) {
  if (!IsShortage(error)) return false;
  if (room_attempts_ == 0) Say(LogSeverity::kWarning, WaitText(error));
  if (!shortage_.has_value()) shortage_ = error;
  return true;
}

std::optional<absl::Duration> JobRunner::DelayBeforeRestart(
    const absl::Status& cause) {
  // However often it takes: nobody is to blame, and nothing is lost.
  if (IsShortage(cause)) return DelayBefore(room_attempts_++);
  room_attempts_ = 0;
  return restarts_.NextDelay();
}

void JobRunner::FoundRoom() {
  if (std::exchange(room_attempts_, 0) == 0) return;
  Say(LogSeverity::kInfo, "what the job waited for is there again");
  host_->SetReason("");
}

}  // namespace halfpipe
