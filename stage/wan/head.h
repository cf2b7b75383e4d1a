// Behind the last block: a modulated norm, a linear layer and the way back to
// latents. Frozen; the gradient of its input exists. Like the embeddings it is
// float32 inside, whatever the compute dtype of x.
#ifndef HP_STAGE_WAN_HEAD_H_
#define HP_STAGE_WAN_HEAD_H_

#include <ATen/core/Tensor.h>

#include "absl/status/statusor.h"
#include "stage/kernels/norm.h"
#include "stage/kernels/rope.h"
#include "stage/wan/layer_loader.h"

namespace halfpipe {

// What the head's backward needs.
struct HeadSaved {
  at::Tensor x;      // (B, L, D) compute dtype
  at::Tensor scale;  // (B, G, D) float32
  LayerNormStats stats;
};

class Head {
 public:
  [[nodiscard]] static absl::StatusOr<Head> Load(const LayerLoader& loader);

  // x (B, L, D) compute dtype, time (B, G, D) float32 of the embeddings;
  // result: the prediction (B, C, F, H, W) float32. Runs inside a TorchGuard,
  // as Backward does.
  at::Tensor Forward(const at::Tensor& x, const at::Tensor& time,
                     const TokenGrid& grid, HeadSaved* saved) const;
  // dL/dprediction (B, C, F, H, W) float32 to dL/dx (B, L, D) compute dtype.
  [[nodiscard]] at::Tensor Backward(const at::Tensor& dprediction,
                                    const HeadSaved& saved) const;

 private:
  ModelSpec model_spec_;
  at::Tensor modulation_;  // (1, 2, D) float32: shift, scale
  LinearWeights linear_;
};

}  // namespace halfpipe

#endif  // HP_STAGE_WAN_HEAD_H_
