// Between latents and tokens.
#ifndef HP_STAGE_WAN_PATCHES_H_
#define HP_STAGE_WAN_PATCHES_H_

#include <ATen/core/Tensor.h>

#include "common/model/model_spec.h"
#include "stage/kernels/rope.h"

namespace halfpipe {

// (B, C, F, H, W) to (B, L, C * patch): the cells of a token in the order of a
// convolution's weights (channel, frame, row, column).
at::Tensor UnfoldPatches(const at::Tensor& latents,
                         const ModelSpec& model_spec);

// The head's features (B, L, patch * C), ordered (frame, row, column, channel),
// to (B, C, F, H, W), and the other way round for the gradient.
at::Tensor FoldPrediction(const at::Tensor& features, const TokenGrid& grid,
                          const ModelSpec& model_spec);
at::Tensor UnfoldPrediction(const at::Tensor& prediction,
                            const ModelSpec& model_spec);

}  // namespace halfpipe

#endif  // HP_STAGE_WAN_PATCHES_H_
