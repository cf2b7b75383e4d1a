#include "stage/kernels/rope.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/complex.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/view_as_complex.h>
#include <ATen/ops/view_as_real.h>

namespace halfpipe {
namespace {

constexpr double kTheta = 10000.0;

// (positions, channels / 2) float64 angles of one axis.
at::Tensor AxisAngles(int64_t positions, int64_t channels) {
  const auto options = at::TensorOptions().dtype(at::kDouble);
  at::Tensor exponent =
      at::arange(0, channels, 2, options).div(static_cast<double>(channels));
  at::Tensor frequency = at::pow(kTheta, exponent.neg());
  return at::outer(at::arange(positions, options), frequency);
}

at::Tensor Rotate(const at::Tensor& x, const at::Tensor& rotation) {
  at::Tensor pairs =
      x.to(at::kFloat)
          .view({x.size(0), x.size(1), x.size(2), x.size(3) / 2, 2});
  at::Tensor rotated = at::view_as_complex(pairs) * rotation.unsqueeze(1);
  return at::view_as_real(rotated).view(x.sizes()).to(x.scalar_type());
}

}  // namespace

at::Tensor RopeTable(const TokenGrid& grid, int64_t head_dim,
                     const at::Device& device) {
  TORCH_CHECK(head_dim % 2 == 0, "head_dim must be even, found ", head_dim);
  const int64_t plane = 2 * (head_dim / 6);
  const int64_t time = head_dim - 2 * plane;
  const auto [f, h, w] = grid;
  at::Tensor angles =
      at::cat({AxisAngles(f, time).view({f, 1, 1, -1}).expand({f, h, w, -1}),
               AxisAngles(h, plane).view({1, h, 1, -1}).expand({f, h, w, -1}),
               AxisAngles(w, plane).view({1, 1, w, -1}).expand({f, h, w, -1})},
              -1);
  angles = angles.reshape({grid.tokens(), head_dim / 2});
  return at::complex(angles.cos().to(at::kFloat), angles.sin().to(at::kFloat))
      .to(device);
}

at::Tensor ApplyRope(const at::Tensor& x, const at::Tensor& table) {
  return Rotate(x, table);
}

at::Tensor ApplyRopeBackward(const at::Tensor& dy, const at::Tensor& table) {
  return Rotate(dy, table.conj());
}

}  // namespace halfpipe
