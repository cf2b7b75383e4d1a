// metrics.jsonl: a line for each step and each validation.
#ifndef HP_STAGE_CURVES_JSONL_CURVE_H_
#define HP_STAGE_CURVES_JSONL_CURVE_H_

#include <optional>
#include <string>
#include <utility>

#include "stage/curves/curve_file.h"
#include "stage/curves/growing_file.h"

namespace halfpipe {

inline constexpr char kJsonlName[] = "metrics.jsonl";

class JsonlCurve : public CurveFile {
 public:
  // `folder` exists. Nothing is opened before the first row.
  explicit JsonlCurve(const std::string& folder)
      : path_(folder + "/" + kJsonlName) {}

  [[nodiscard]] absl::Status Write(const CurveRow& row) override;
  [[nodiscard]] absl::Status Sync() override;

 private:
  // Cuts off what stands at `key` or behind it, and opens the file.
  [[nodiscard]] absl::Status BeginAt(const CurveKey& key);

  const std::string path_;
  std::optional<GrowingFile> file_;
  CurveKey last_;  // in the file
};

}  // namespace halfpipe

#endif  // HP_STAGE_CURVES_JSONL_CURVE_H_
