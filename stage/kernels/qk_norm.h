// What stands between the q and k projections and attention: RMSNorm over all
// heads together, rotary embedding, and centring of the keys, as one function.
// See norm.h for the common contract.
#ifndef HP_STAGE_KERNELS_QK_NORM_H_
#define HP_STAGE_KERNELS_QK_NORM_H_

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

// What QkNorm finds out about its input.
struct QkNormStats {
  at::Tensor rstd;  // (B, L, 1) float32, of the RMSNorm
  at::Tensor mean;  // (B, D) float32, what `centre` subtracts; else undefined
};

// linear: (B, L, D), D = heads * head_dim. weight: (D) float32. rope:
// (L, head_dim / 2) complex64 as RopeTable gives it, or undefined: no rotation.
// Result: (B, L, heads, head_dim) contiguous in linear's dtype, rounded once.
at::Tensor QkNorm(const at::Tensor& linear, const at::Tensor& weight,
                  const at::Tensor& rope, const QkNormOptions& options,
                  QkNormStats* stats);

// Heads [first, first + count) of QkNorm's result, the same bits, from its
// statistics: (B, L, count, head_dim).
at::Tensor QkNormHeads(const at::Tensor& linear, const at::Tensor& weight,
                       const at::Tensor& rope, const QkNormOptions& options,
                       const QkNormStats& stats, int64_t first, int64_t count);

// The gradient of `linear`, (B, L, D). dheads: (B, L, heads, head_dim) with
// unit stride in head_dim, other strides free. Here `out` may be the memory of
// dheads.
at::Tensor QkNormBackward(const at::Tensor& dheads, const at::Tensor& linear,
                          const at::Tensor& weight, const at::Tensor& rope,
                          const at::Tensor& rstd, const QkNormOptions& options,
                          const at::Tensor& out = {});

}  // namespace halfpipe

#endif  // HP_STAGE_KERNELS_QK_NORM_H_
