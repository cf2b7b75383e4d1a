#include "stage/encoders/vae_causal_conv.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/conv3d.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/zeros.h>

#include <cmath>

#include "common/base/status.h"

namespace halfpipe {

at::Tensor& FeatureCache::NextSlot() {
  if (next_ == slots_.size()) slots_.emplace_back();
  return slots_[next_++];
}

absl::StatusOr<CausalConv3d> CausalConv3d::Load(const WeightLoader& weights,
                                                const std::string& name,
                                                int64_t in, int64_t kernel) {
  CausalConv3d conv;
  HP_ASSIGN_OR_RETURN(const int64_t out, weights.Size(name + ".weight", 0));
  HP_ASSIGN_OR_RETURN(
      conv.weight_,
      weights.Load(name + ".weight", {out, in, kernel, kernel, kernel}));
  HP_ASSIGN_OR_RETURN(conv.bias_, weights.Load(name + ".bias", {out}));
  return conv;
}

at::Tensor CausalConv3d::Forward(const at::Tensor& x,
                                 FeatureCache& cache) const {
  const int64_t kernel = weight_.size(2);
  if (kernel == 1) return at::conv3d(x, weight_, bias_);
  at::Tensor& past = cache.NextSlot();
  if (!past.defined()) {
    past = at::zeros({1, x.size(1), kernel - 1, x.size(3), x.size(4)},
                     x.options());
  }
  const at::Tensor frames = at::cat({past, x}, 2);
  // A copy, so that the chunk itself can be freed.
  past = frames.narrow(2, frames.size(2) - (kernel - 1), kernel - 1).clone();
  const int64_t side = kernel / 2;
  return at::conv3d(frames, weight_, bias_, /*stride=*/1,
                    /*padding=*/{0, side, side});
}

at::Tensor ChannelRmsNorm(const at::Tensor& x, const at::Tensor& gamma) {
  const at::Tensor wide = x.to(at::kFloat);
  const at::Tensor norm =
      at::linalg_vector_norm(wide, 2, {1}, /*keepdim=*/true).clamp_min(1e-12);
  const double scale = std::sqrt(static_cast<double>(x.size(1)));
  return (wide / norm).to(x.scalar_type()) * scale * gamma;
}

}  // namespace halfpipe
