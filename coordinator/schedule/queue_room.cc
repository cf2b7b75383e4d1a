#include "coordinator/schedule/queue_room.h"

#include "absl/strings/str_cat.h"

namespace halfpipe {

absl::Status CheckRoomInQueue(const QueueLoad& limits, const QueueLoad& waiting,
                              int64_t bytes) {
  if (waiting.jobs >= limits.jobs) {
    return absl::ResourceExhaustedError(absl::StrCat(
        limits.jobs,
        " jobs wait already, which is this service's limit "
        "(limits.queued_jobs): try again when some of them have run"));
  }
  if (bytes <= limits.bytes - waiting.bytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(
      "the files of the jobs that wait have ", waiting.bytes,
      " bytes together, and this one has ", bytes, "; this service's limit is ",
      limits.bytes,
      " (limits.queued_bytes): try again when some of them have run"));
}

}  // namespace halfpipe
