// What tells the content of one file of tensors from another's.
#ifndef HP_STAGE_JOB_ARCHIVE_FINGERPRINT_H_
#define HP_STAGE_JOB_ARCHIVE_FINGERPRINT_H_

#include <string>

#include "absl/status/statusor.h"

namespace halfpipe {

// SHA-256 over the names, types, shapes and all bytes of the tensors, in the
// order of their names: equal for a copy, a renamed file, and one with other
// metadata. Reads the file whole. Codes of OpenTensorArchive and Read.
[[nodiscard]] absl::StatusOr<std::string> ContentFingerprint(
    const std::string& path);

}  // namespace halfpipe

#endif  // HP_STAGE_JOB_ARCHIVE_FINGERPRINT_H_
