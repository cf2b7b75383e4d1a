// What crosses the split between two stages in the forward direction, as a
// description both sides compute for themselves: shapes never travel. Free of
// libtorch.
#ifndef HP_STAGE_WAN_BOUNDARY_H_
#define HP_STAGE_WAN_BOUNDARY_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/dtype.h"
#include "common/model/extents.h"
#include "common/model/model_spec.h"

namespace halfpipe {

struct BoundaryTensor {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape;
  bool needs_grad = false;  // whether its gradient comes back the other way
};

struct BoundarySpec {
  // Those of SplitTensorsOf, in that order, which is the wire's too.
  std::vector<BoundaryTensor> tensors;

  // REQUIRES: there is one of this name.
  [[nodiscard]] const BoundaryTensor& Of(absl::string_view name) const;

  // SHA-256 over names, dtypes, shapes and directions; equal on both sides or
  // they must not exchange anything.
  [[nodiscard]] std::string Digest() const;
};

// InvalidArgument: a size below 1, rows or columns that the patch does not
// divide, image tokens that do not fit the model, or first_frame_given for a
// model without timesteps by frame.
[[nodiscard]] absl::StatusOr<TokenCounts> CountTokens(
    const ModelSpec& model_spec, const MicrobatchShape& shape);

// InvalidArgument as CountTokens.
[[nodiscard]] absl::StatusOr<BoundarySpec> MakeBoundarySpec(
    const ModelSpec& model_spec, const MicrobatchShape& shape, DType compute);

}  // namespace halfpipe

#endif  // HP_STAGE_WAN_BOUNDARY_H_
