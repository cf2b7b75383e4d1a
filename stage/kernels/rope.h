// Rotary position embedding over the (frame, row, column) grid of tokens.
// Source: the Wan models; the split of a head's d channels over the axes is
// h = w = 2 * (d / 6), t = d - 4 * (d / 6), which exists for every even d.
#ifndef HP_STAGE_KERNELS_ROPE_H_
#define HP_STAGE_KERNELS_ROPE_H_

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace halfpipe {

// Tokens after patchify, ordered frame-major, then row, then column.
struct TokenGrid {
  int64_t frames = 0;
  int64_t rows = 0;
  int64_t columns = 0;

  [[nodiscard]] int64_t tokens() const { return frames * rows * columns; }
};

// The rotations cos + i sin: (L, head_dim / 2) complex64, computed from float64
// angles position * 10000^(-2j / axis_channels), with the axes' pairs in the
// order t, h, w. `head_dim` is even.
at::Tensor RopeTable(const TokenGrid& grid, int64_t head_dim,
                     const at::Device& device);

// Rotates the interleaved pairs (2j, 2j + 1) of every head. x, result:
// (B, L, H, head_dim), x contiguous; float32 arithmetic, result in x's dtype.
at::Tensor ApplyRope(const at::Tensor& x, const at::Tensor& table);
// The transposed rotation, which is the gradient.
at::Tensor ApplyRopeBackward(const at::Tensor& dy, const at::Tensor& table);

}  // namespace halfpipe

#endif  // HP_STAGE_KERNELS_ROPE_H_
