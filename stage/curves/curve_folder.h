// Where a job's curves lie in its output folder.
#ifndef HP_STAGE_CURVES_CURVE_FOLDER_H_
#define HP_STAGE_CURVES_CURVE_FOLDER_H_

#include <string>

#include "absl/status/statusor.h"

namespace halfpipe {

// The folder "metrics" in `output_dir`, made if need be, with an owner file in
// it. A folder of that name without one is somebody else's unless it is empty,
// and so is a link: then it is "metrics-2", and so on. Codes:
// FileErrnoStatus's; AlreadyExists when every name is taken.
[[nodiscard]] absl::StatusOr<std::string> OpenCurveFolder(
    const std::string& output_dir);

}  // namespace halfpipe

#endif  // HP_STAGE_CURVES_CURVE_FOLDER_H_
