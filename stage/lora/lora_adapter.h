// The trainable part: for one frozen linear layer the matrices A (rank, in) and
// B (out, rank), which add scale * B(A(x)) to its output.
#ifndef HP_STAGE_LORA_LORA_ADAPTER_H_
#define HP_STAGE_LORA_LORA_ADAPTER_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>

#include "absl/strings/string_view.h"
#include "common/base/dtype.h"

namespace halfpipe {

// Fills `out` (float32, CPU, contiguous) with uniform numbers in [0, 1) that
// are a pure function of a seed and `tensor_name`.
using UniformSource =
    std::function<void(absl::string_view tensor_name, at::Tensor out)>;

// One matrix: a float32 master for the optimizer, a copy in the compute dtype
// for the matrix products, and a float32 gradient accumulator.
struct LoraParameter {
  std::string name;    // "blocks.0.self_attn.q.lora_A"
  at::Tensor master;   // float32; may be in host memory beside the others
  at::Tensor compute;  // a place in the layer's matrix (lora_linear.h): A as it
                       // is, B times the scale. Undefined without a layer
  at::Tensor grad;     // float32, the sum over micro-batches in their order
};

struct LoraAdapter {
  std::string module;  // native name of the layer, "blocks.0.self_attn.q"
  int64_t in = 0;
  int64_t out = 0;
  double scale = 1.0;  // alpha / rank
  LoraParameter a;     // (rank, in)
  LoraParameter b;     // (out, rank)

  // Brings the compute copies up to date after the masters changed.
  void RefreshComputeCopies();
  // Sets the gradient accumulators to zero.
  void ZeroGrad();
};

// Where a layer and its adapter live.
struct LoraPlacement {
  at::Device device = at::kCPU;
  at::ScalarType compute = at::kFloat;
  WeightForm weights = WeightForm::kBf16;
};

// A new adapter with peft's initialisation: A uniform in +-1/sqrt(in) (that is
// kaiming_uniform with a = sqrt(5)), B zero. The numbers are drawn on the CPU
// under the name "<module>.lora_A", so they depend on neither device nor split.
LoraAdapter MakeLoraAdapter(absl::string_view module, int64_t in, int64_t out,
                            int64_t rank, double scale,
                            const at::Device& device,
                            const UniformSource& uniform);

}  // namespace halfpipe

#endif  // HP_STAGE_LORA_LORA_ADAPTER_H_
