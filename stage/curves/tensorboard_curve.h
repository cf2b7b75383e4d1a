// Event files, as TensorBoard reads them.
#ifndef HP_STAGE_CURVES_TENSORBOARD_CURVE_H_
#define HP_STAGE_CURVES_TENSORBOARD_CURVE_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "stage/curves/curve_file.h"
#include "stage/curves/growing_file.h"

namespace halfpipe {

// A file for each time that the job goes on, since a TensorBoard that reads
// the last one must not find other bytes behind the place where it stands. What
// the job does again is cut off the files from before. Their names sort by
// their age, whatever the clock says.
class TensorBoardCurve : public CurveFile {
 public:
  // `folder` exists. Nothing is opened before the first row.
  explicit TensorBoardCurve(std::string folder) : folder_(std::move(folder)) {}

  [[nodiscard]] absl::Status Write(const CurveRow& row) override;
  [[nodiscard]] absl::Status Sync() override;

 private:
  // Cuts off what stands at the row's key or behind it, and begins a file.
  [[nodiscard]] absl::Status BeginAt(const CurveRow& row);

  const std::string folder_;
  std::optional<GrowingFile> file_;
  CurveKey last_;  // in the files
};

// The names of the event files in the folder, oldest first.
[[nodiscard]] absl::StatusOr<std::vector<std::string>> ListEventFiles(
    const std::string& folder);

}  // namespace halfpipe

#endif  // HP_STAGE_CURVES_TENSORBOARD_CURVE_H_
