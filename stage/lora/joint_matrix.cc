#include "stage/lora/joint_matrix.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include <utility>

#include "common/base/status.h"

namespace halfpipe {

JointMatrix::JointMatrix(std::vector<at::Tensor> weights, int64_t room)
    : options_(weights.at(0).options()) {
  const int64_t in = weights[0].size(1);
  int64_t out = 0;
  for (const at::Tensor& weight : weights) out += weight.size(0);
  if (room == 0 && weights.size() == 1) {
    joint_ = std::move(weights[0]);
  } else {
    joint_ = at::zeros({out + room, in + room}, options_);
    int64_t row = 0;
    for (at::Tensor& weight : weights) {
      const int64_t rows = weight.size(0);
      joint_.narrow(0, row, rows).narrow(1, 0, in).copy_(weight);
      weight.reset();
      row += rows;
    }
  }
  a_ = joint_.narrow(0, out, room).narrow(1, 0, in);
  b_ = joint_.narrow(0, 0, out).narrow(1, in, room);
}

JointMatrix::JointMatrix(const std::vector<Fp8Matrix>& weights, int64_t room,
                         at::ScalarType compute,
                         std::shared_ptr<WeightScratch> scratch)
    : scratch_(std::move(scratch)) {
  HP_CHECK(scratch_ != nullptr);
  std::vector<at::Tensor> values;
  std::vector<at::Tensor> scales;
  for (const Fp8Matrix& weight : weights) {
    values.push_back(weight.values.view(at::kByte));  // cat knows bytes
    scales.push_back(weight.scales);
  }
  quantised_ = {at::cat(values).view(at::kFloat8_e4m3fn), at::cat(scales)};
  options_ = quantised_.values.options().dtype(compute);
  const int64_t out = quantised_.values.size(0);
  const int64_t in = quantised_.values.size(1);
  a_ = at::zeros({room, in}, options_);
  b_ = at::zeros({out, room}, options_);
  ones_ = at::ones({in}, options_.dtype(at::kFloat));
}

at::Tensor JointMatrix::Whole() const {
  if (joint_.defined()) return joint_;
  const int64_t room = a_.size(0);
  const int64_t out = quantised_.values.size(0);
  const int64_t in = quantised_.values.size(1);
  at::Tensor whole = scratch_->Take({out + room, in + room}, options_);
  Dequantise(quantised_, whole.narrow(0, 0, out).narrow(1, 0, in));
  whole.narrow(0, out, room).narrow(1, 0, in).copy_(a_);
  whole.narrow(0, 0, out).narrow(1, in, room).copy_(b_);
  return whole;
}

Fp8Matrix JointMatrix::TransposedValues() const {
  HP_CHECK(quantised_.defined());
  const at::Tensor& values = quantised_.values;
  at::Tensor transposed =
      scratch_->Take({values.size(1), values.size(0)}, values.options());
  TransposeBytes(values, transposed);
  return {transposed, ones_};
}

}  // namespace halfpipe
