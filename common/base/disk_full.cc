#include "common/base/disk_full.h"

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "common/base/failure.h"

namespace halfpipe {

absl::Status FileErrnoStatus(int error, absl::string_view what,
                             const std::string& path) {
  return SystemErrnoStatus(error, absl::StrCat(what, " ", path));
}

absl::Status FileErrorStatus(const std::error_code& error,
                             absl::string_view what, const std::string& path) {
  if (!error) return absl::OkStatus();
  return FileErrnoStatus(error.value(), what, path);
}

absl::Status SystemErrnoStatus(int error, absl::string_view what) {
  absl::Status status = absl::ErrnoToStatus(error, what);
  if (error == ENOSPC || error == EDQUOT) MarkDiskFull(&status);
  if (IsShortageErrno(error)) MarkShortage(&status);
  return status;
}

bool IsShortageErrno(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS ||
         error == ENOMEM;
}

void MarkDiskFull(absl::Status* status) {
  MarkFailure(FailureKind::kDiskFull, status);
}

bool IsDiskFull(const absl::Status& status) {
  return IsMarked(status, FailureKind::kDiskFull);
}

void MarkShortage(absl::Status* status) {
  MarkFailure(FailureKind::kShortage, status);
}

bool IsShortage(const absl::Status& status) {
  return IsMarked(status, FailureKind::kShortage);
}

bool IsWaitedFor(const absl::Status& status) {
  return IsDiskFull(status) || IsShortage(status);
}

}  // namespace halfpipe
