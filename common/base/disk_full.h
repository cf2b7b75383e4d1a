// A full disk, and a system that is short of descriptors or memory, are told
// from other things that run out: they are waited for.
#ifndef HP_COMMON_BASE_DISK_FULL_H_
#define HP_COMMON_BASE_DISK_FULL_H_

#include <string>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace halfpipe {

// absl::ErrnoToStatus, with a mark on what a full disk or quota gives
// (MarkDiskFull) and on what a shortage gives (MarkShortage). The message is
// "`what` `path`: the errno's text".
[[nodiscard]] absl::Status FileErrnoStatus(int error, absl::string_view what,
                                           const std::string& path);
// The same of what the standard library says; OK where that is no error.
[[nodiscard]] absl::Status FileErrorStatus(const std::error_code& error,
                                           absl::string_view what,
                                           const std::string& path);
// The same for what has no path.
[[nodiscard]] absl::Status SystemErrnoStatus(int error, absl::string_view what);

// Whether `error` (errno) says that descriptors or memory of the process or of
// the system have run out for now: EMFILE, ENFILE, ENOBUFS, ENOMEM.
[[nodiscard]] bool IsShortageErrno(int error);

// Set and find the kinds kDiskFull and kShortage of common/base/failure.h. An
// OK status has none.
void MarkDiskFull(absl::Status* status);
[[nodiscard]] bool IsDiskFull(const absl::Status& status);
void MarkShortage(absl::Status* status);
[[nodiscard]] bool IsShortage(const absl::Status& status);
// Either: it passes without anybody's doing anything about the job.
[[nodiscard]] bool IsWaitedFor(const absl::Status& status);

}  // namespace halfpipe

#endif  // HP_COMMON_BASE_DISK_FULL_H_
