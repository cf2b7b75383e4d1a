// Gradient clipping by the global norm over all parts of the model.
#ifndef HP_STAGE_TRAIN_CLIP_H_
#define HP_STAGE_TRAIN_CLIP_H_

#include <ATen/core/Tensor.h>

#include <vector>

namespace halfpipe {

// Squared L2 norms in float64, one a tensor: (n), on the tensors' device (on
// the CPU for an empty list). The sum of squares of one tensor never depends
// on which process computes it, so any split adds up the same numbers.
[[nodiscard]] at::Tensor SquaredNorms(const std::vector<at::Tensor>& tensors);

// The norm from squared norms in block order over the whole model: a plain
// float64 sum from the first to the last.
[[nodiscard]] double GlobalNorm(const std::vector<double>& squared_norms);

// torch.nn.utils.clip_grad_norm_'s factor: max_norm / (norm + 1e-6), at most
// 1; 1 when max_norm is 0 (no clipping).
[[nodiscard]] double ClipFactor(double norm, double max_norm);

}  // namespace halfpipe

#endif  // HP_STAGE_TRAIN_CLIP_H_
