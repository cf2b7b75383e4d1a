// What crosses the split between two stages in the forward direction, as a
// description both sides compute for themselves: shapes never travel. Free of
// libtorch.
#ifndef HP_STAGE_WAN_BOUNDARY_H_
#define HP_STAGE_WAN_BOUNDARY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/dtype.h"
#include "common/model/architecture.h"

namespace halfpipe {

// The sizes of one micro-batch's inputs.
struct MicrobatchShape {
  int64_t batch = 1;
  int64_t frames = 0;  // latent cells, before patchify
  int64_t rows = 0;
  int64_t columns = 0;
  int64_t text_tokens = 0;
  int64_t image_tokens = 0;        // of clip_feature; 0 without an image branch
  bool first_frame_given = false;  // TI2V: frames have their own timesteps

  friend bool operator==(const MicrobatchShape&,
                         const MicrobatchShape&) = default;
};

// Tokens after patchify and how many groups of them share a modulation row.
struct TokenCounts {
  int64_t frames = 0;
  int64_t rows = 0;
  int64_t columns = 0;
  int64_t modulation_groups = 1;

  [[nodiscard]] int64_t tokens() const { return frames * rows * columns; }
};

struct BoundaryTensor {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape;
  bool needs_grad = false;  // whether its gradient comes back the other way
};

struct BoundarySpec {
  // x (B, L, D) in the compute dtype, with gradient; context (B, Lc, D) in the
  // compute dtype, image tokens first; t_mod (B, G, 6, D) float32.
  std::vector<BoundaryTensor> tensors;

  // SHA-256 over names, dtypes, shapes and directions; equal on both sides or
  // they must not exchange anything.
  [[nodiscard]] std::string Digest() const;
};

// InvalidArgument: a size below 1, rows or columns that the patch does not
// divide, image tokens that do not fit the model, or first_frame_given for a
// model without timesteps by frame.
[[nodiscard]] absl::StatusOr<TokenCounts> CountTokens(
    const WanArchitecture& architecture, const MicrobatchShape& shape);

// InvalidArgument as CountTokens.
[[nodiscard]] absl::StatusOr<BoundarySpec> MakeBoundarySpec(
    const WanArchitecture& architecture, const MicrobatchShape& shape,
    DType compute);

}  // namespace halfpipe

#endif  // HP_STAGE_WAN_BOUNDARY_H_
