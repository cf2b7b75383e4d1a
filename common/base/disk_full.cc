#include "common/base/disk_full.h"

#include <cerrno>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"

namespace halfpipe {
namespace {

constexpr char kDiskFull[] = "halfpipe/disk-full";

}  // namespace

absl::Status FileErrnoStatus(int error, absl::string_view what,
                             const std::string& path) {
  absl::Status status =
      absl::ErrnoToStatus(error, absl::StrCat(what, " ", path));
  if (error == ENOSPC || error == EDQUOT) MarkDiskFull(&status);
  return status;
}

void MarkDiskFull(absl::Status* status) {
  status->SetPayload(kDiskFull, absl::Cord());
}

bool IsDiskFull(const absl::Status& status) {
  return status.GetPayload(kDiskFull).has_value();
}

}  // namespace halfpipe
