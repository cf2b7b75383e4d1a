// The matrix of a LoraLinear: a frozen weight and beside it the adapters,
//
//        in                room
//   out [ W               | scale B (block-diagonal) ]
//   room[ A (stacked)     | not used                 ]
//
// in the compute dtype; or W in 8 bits, and the whole made from it on demand.
//
// Runs inside a TorchGuard; one thread.
#ifndef HP_STAGE_LORA_JOINT_MATRIX_H_
#define HP_STAGE_LORA_JOINT_MATRIX_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "stage/kernels/fp8.h"
#include "stage/lora/weight_scratch.h"

namespace halfpipe {

class JointMatrix {
 public:
  JointMatrix() = default;
  // `weights` (out_i, in), one below the other, are let go of on the way.
  JointMatrix(std::vector<at::Tensor> weights, int64_t room);
  // The same in 8 bits, for products in `compute`.
  JointMatrix(const std::vector<Fp8Matrix>& weights, int64_t room,
              at::ScalarType compute, std::shared_ptr<WeightScratch> scratch);

  // Of the compute dtype and the device.
  [[nodiscard]] at::TensorOptions options() const { return options_; }

  // Where the adapters' compute copies stand: (room, in) and (out, room).
  [[nodiscard]] at::Tensor a() const { return a_; }

  [[nodiscard]] at::Tensor b() const { return b_; }

  // (out + room, in + room). Of 8-bit weights it is unpacked now and lasts
  // until the scratch is used again.
  [[nodiscard]] at::Tensor Whole() const;

  // W in 8 bits; undefined where it is not.
  [[nodiscard]] const Fp8Matrix& quantised() const { return quantised_; }

  // W^T without W's scales, which belong to what it is multiplied with: (in,
  // out) values, each row's scale 1. Lasts until the scratch is used again.
  [[nodiscard]] Fp8Matrix TransposedValues() const;

 private:
  at::TensorOptions options_;
  at::Tensor joint_;     // undefined with 8-bit weights
  at::Tensor a_, b_;     // places in joint_, or tensors of their own
  Fp8Matrix quantised_;  // W
  at::Tensor ones_;      // (in) float32, with 8-bit weights
  std::shared_ptr<WeightScratch> scratch_;
};

}  // namespace halfpipe

#endif  // HP_STAGE_LORA_JOINT_MATRIX_H_
