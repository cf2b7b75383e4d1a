// One form of a job's curves on the disk.
#ifndef HP_STAGE_CURVES_CURVE_FILE_H_
#define HP_STAGE_CURVES_CURVE_FILE_H_

#include "absl/status/status.h"
#include "stage/curves/curve_row.h"

namespace halfpipe {

// What is there is one training without a repetition, whatever happened before:
// a row takes the place of all that stands at its key or behind it (the job
// went back to a checkpoint, and does those steps again), and of what is half
// written. Not thread-safe; every call blocks on the file system.
class CurveFile {
 public:
  virtual ~CurveFile() = default;

  // Appends the row. Where that fails nothing of it stays, and it may be tried
  // again. Codes: GrowingFile's.
  [[nodiscard]] virtual absl::Status Write(const CurveRow& row) = 0;
  // What was written is on the disk.
  [[nodiscard]] virtual absl::Status Sync() = 0;
};

}  // namespace halfpipe

#endif  // HP_STAGE_CURVES_CURVE_FILE_H_
