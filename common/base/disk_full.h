// A full disk is told from other things that run out: it is waited for.
#ifndef HP_COMMON_BASE_DISK_FULL_H_
#define HP_COMMON_BASE_DISK_FULL_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace halfpipe {

// absl::ErrnoToStatus, with a mark on what a full disk or quota gives. The
// message is "`what` `path`: the errno's text".
[[nodiscard]] absl::Status FileErrnoStatus(int error, absl::string_view what,
                                           const std::string& path);

// Sets and finds the mark. It survives Annotate and the way from a stage to
// the coordinator (common/rpc). An OK status has none.
void MarkDiskFull(absl::Status* status);
[[nodiscard]] bool IsDiskFull(const absl::Status& status);

}  // namespace halfpipe

#endif  // HP_COMMON_BASE_DISK_FULL_H_
