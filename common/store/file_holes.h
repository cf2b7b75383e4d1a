// Files that have their size and not their content: a download or a copy that
// made room first and was broken off.
#ifndef HP_COMMON_STORE_FILE_HOLES_H_
#define HP_COMMON_STORE_FILE_HOLES_H_

#include "absl/status/status.h"
#include "common/store/tensor_archive.h"

namespace halfpipe {

// OK unless an eighth of a file that the archive reads is zeros: one of its 16
// stretches is, wherever it is looked at (32 places). Trained weights hold none
// such, and what is made of zeros is wrong in silence. DataLoss names the file
// and the stretch. A file below 64 KiB is not judged. Reads some KiB;
// Unavailable where it cannot.
[[nodiscard]] absl::Status CheckHasNoHoles(const TensorArchive& archive);

}  // namespace halfpipe

#endif  // HP_COMMON_STORE_FILE_HOLES_H_
