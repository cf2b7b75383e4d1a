#include "stage/wan/boundary.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/digest.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

absl::Status CheckAxis(const char* name, int64_t size, int64_t patch) {
  if (size >= 1 && size % patch == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("latents: expected ", name, " to be a positive multiple of ",
                   patch, " (the model's patch), found ", size));
}

absl::Status CheckImageTokens(const ModelSpec& wan, int64_t tokens) {
  const bool fits = wan.has_image_branch()
                        ? tokens >= 1 && (wan.image_positions == 0 ||
                                          tokens == wan.image_positions)
                        : tokens == 0;
  if (fits) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "clip_feature: this model (", wan.Description(), ") takes ",
      !wan.has_image_branch()    ? "none"
      : wan.image_positions == 0 ? "at least 1 token"
                                 : absl::StrCat(wan.image_positions, " tokens"),
      ", found ", tokens, " tokens"));
}

}  // namespace

const BoundaryTensor& BoundarySpec::Of(absl::string_view name) const {
  const auto found = std::find_if(
      tensors.begin(), tensors.end(),
      [&](const BoundaryTensor& tensor) { return tensor.name == name; });
  HP_CHECK(found != tensors.end());
  return *found;
}

std::string BoundarySpec::Digest() const {
  Sha256 hash;
  for (const BoundaryTensor& tensor : tensors) {
    hash.Update(absl::StrCat(tensor.name, " ", DTypeName(tensor.dtype), " ",
                             ShapeString(tensor.shape), " ",
                             tensor.needs_grad ? "grad" : "no-grad", "\n"));
  }
  return hash.HexDigest();
}

absl::StatusOr<TokenCounts> CountTokens(const ModelSpec& wan,
                                        const MicrobatchShape& shape) {
  HP_RETURN_IF_ERROR(CheckAxis("the batch", shape.batch, 1));
  HP_RETURN_IF_ERROR(CheckAxis("frames", shape.frames, wan.patch_frames));
  HP_RETURN_IF_ERROR(CheckAxis("rows", shape.rows, wan.patch_rows));
  HP_RETURN_IF_ERROR(CheckAxis("columns", shape.columns, wan.patch_columns));
  HP_RETURN_IF_ERROR(CheckImageTokens(wan, shape.image_tokens));
  if (shape.text_tokens < 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "context: expected at least 1 token, found ", shape.text_tokens));
  }
  if (shape.first_frame_given && !wan.has_frame_timesteps()) {
    return absl::InvalidArgumentError(
        absl::StrCat("first_frame_given: this model (", wan.Description(),
                     ") has one timestep for all frames; only TI2V "
                     "(48 output channels) takes a first frame this way"));
  }
  TokenCounts counts;
  counts.frames = shape.frames / wan.patch_frames;
  counts.rows = shape.rows / wan.patch_rows;
  counts.columns = shape.columns / wan.patch_columns;
  counts.modulation_groups = shape.first_frame_given ? counts.frames : 1;
  return counts;
}

absl::StatusOr<BoundarySpec> MakeBoundarySpec(const ModelSpec& wan,
                                              const MicrobatchShape& shape,
                                              DType compute) {
  HP_ASSIGN_OR_RETURN(const TokenCounts counts, CountTokens(wan, shape));
  BoundarySpec boundary;
  for (const SplitTensor& tensor : SplitTensorsOf(wan)) {
    boundary.tensors.push_back(
        {tensor.name, tensor.is_float32 ? DType::kF32 : compute,
         ShapeIn(tensor.shape, shape, counts), tensor.needs_grad});
  }
  return boundary;
}

}  // namespace halfpipe
