// Frozen linear layers that share their input (one, or q, k and v), with their
// LoRA adapters, computed as one matrix product each way.
//
// The adapters live beside the frozen weight in one matrix (joint_matrix.h) of
// `out + room` rows and `in + room` columns, room being the sum of the ranks
// rounded up to 8. With A(x) written into `room` columns behind x, the layer's
// output is one product with the upper rows; with dL/d A(x) behind dy, dL/dx is
// one product with the left columns. No pass over the activations is added by
// the LoRA.
//
// WeightForm::kFp8 does the same with weights that are unpacked for each
// product. With kFp8Compute x, dy and W are multiplied in e4m3 and the LoRA's
// part, in the compute dtype, is added in a pass of its own.
//
// Runs inside a TorchGuard; not thread-safe (Backward accumulates).
#ifndef HP_STAGE_LORA_LORA_LINEAR_H_
#define HP_STAGE_LORA_LORA_LINEAR_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "common/base/dtype.h"
#include "stage/kernels/linear.h"
#include "stage/lora/joint_matrix.h"
#include "stage/lora/lora_adapter.h"
#include "stage/lora/weight_scratch.h"

namespace halfpipe {

class LoraLinear {
 public:
  // One layer; its adapter may be null: then it is only frozen.
  struct Member {
    LinearWeights base;      // the bias in the compute dtype
    at::Tensor scales = {};  // (out) float32 where base.weight is e4m3
    std::unique_ptr<LoraAdapter> adapter = nullptr;
  };

  LoraLinear() = default;
  // The outputs stand behind each other in the members' order. REQUIRES: at
  // least one member, all with the same input size, dtype and device; e4m3
  // weights and a scratch unless `form` is kBf16.
  explicit LoraLinear(std::vector<Member> members,
                      WeightForm form = WeightForm::kBf16,
                      std::shared_ptr<WeightScratch> scratch = nullptr);

  [[nodiscard]] int64_t in() const { return in_; }

  [[nodiscard]] int64_t out() const { return out_; }

  // A buffer (B, L, in + room) whose Columns the caller fills with x, or
  // (B, L, out + room) for dy. Behind them this layer writes its own.
  [[nodiscard]] at::Tensor InputBuffer(int64_t batch, int64_t tokens) const;
  [[nodiscard]] at::Tensor GradientBuffer(int64_t batch, int64_t tokens) const;
  [[nodiscard]] at::Tensor InputColumns(const at::Tensor& buffer) const;
  [[nodiscard]] at::Tensor GradientColumns(const at::Tensor& buffer) const;

  // base(x) + scale * B(A(x)), (B, L, out) contiguous. x: a filled InputBuffer,
  // or a plain (B, L, in) tensor, which costs one more pass over the output.
  [[nodiscard]] at::Tensor Forward(const at::Tensor& x) const;

  // Adds this micro-batch's dA and dB into the adapters' accumulators and
  // returns dx (B, L, in), or an undefined tensor when `need_dx` is false. x
  // as for Forward; dy: a filled GradientBuffer or a plain (B, L, out) tensor.
  // REQUIRES: the adapters' compute copies have not changed since Forward.
  at::Tensor Backward(const at::Tensor& dy, const at::Tensor& x, bool need_dx);

  // dx of Backward alone, for a caller that gets x only on the way: Backward
  // with need_dx = false then does the rest.
  [[nodiscard]] at::Tensor InputGradient(const at::Tensor& dy) const;

  // The adapters that exist, in the members' order. Owned by the layer.
  void AppendAdapters(std::vector<LoraAdapter*>* adapters) const;

 private:
  // Where one member's adapter stands in the matrix.
  struct Placed {
    std::unique_ptr<LoraAdapter> adapter;
    int64_t row = 0;     // of its outputs
    int64_t column = 0;  // of its rank, counted behind `in` and behind `out`
  };

  // Puts the adapters' compute copies where they stand in the matrix.
  void Place(std::vector<Member> members);
  // A(x) for every adapter, (rows, room): behind x if there is room.
  [[nodiscard]] at::Tensor Project(const at::Tensor& x) const;
  // dL/d A(x), (rows, room): behind dy if there is room.
  [[nodiscard]] at::Tensor ProjectGradient(const at::Tensor& dy) const;
  // The rest takes rows, (B L, n). Adds dA and dB.
  void Accumulate(const at::Tensor& dy, const at::Tensor& dprojected,
                  const at::Tensor& x);
  [[nodiscard]] at::Tensor OutputProduct(const at::Tensor& x,
                                         const at::Tensor& projected) const;
  [[nodiscard]] at::Tensor InputProduct(const at::Tensor& dy,
                                        const at::Tensor& dprojected) const;

  int64_t in_ = 0;
  int64_t out_ = 0;
  int64_t room_ = 0;
  bool fp8_products_ = false;
  JointMatrix matrix_;
  at::Tensor bias_;  // (out)
  std::vector<Placed> placed_;
};

}  // namespace halfpipe

#endif  // HP_STAGE_LORA_LORA_LINEAR_H_
