// What stands between the q and k projections and attention: RMSNorm over all
// heads together, rotary embedding, and centring of the keys, as one function.
// See norm.h for the common contract.
#ifndef HP_COMMON_KERNELS_QK_NORM_H_
#define HP_COMMON_KERNELS_QK_NORM_H_

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace halfpipe {

struct QkNormOptions {
  int64_t heads = 0;
  double eps = 0.0;
  // Subtract, per sample, head and channel, the mean over the tokens after norm
  // and rotation, as CentreKeys (attention.h) does and for its reason.
  bool centre = false;
};

// linear: (B, L, D), D = heads * head_dim. weight: (D) float32. rope:
// (L, head_dim / 2) complex64 as RopeTable gives it, or undefined: no rotation.
// Result: (B, L, heads, head_dim) contiguous in linear's dtype, rounded once;
// *rstd: (B, L, 1) float32.
at::Tensor QkNorm(const at::Tensor& linear, const at::Tensor& weight,
                  const at::Tensor& rope, const QkNormOptions& options,
                  at::Tensor* rstd);

// The gradient of `linear`, (B, L, D). dheads: (B, L, heads, head_dim) with
// unit stride in head_dim, other strides free.
at::Tensor QkNormBackward(const at::Tensor& dheads, const at::Tensor& linear,
                          const at::Tensor& weight, const at::Tensor& rope,
                          const at::Tensor& rstd, const QkNormOptions& options,
                          const at::Tensor& out = {});

}  // namespace halfpipe

#endif  // HP_COMMON_KERNELS_QK_NORM_H_
