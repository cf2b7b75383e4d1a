// Runs a golden case through one or two parts, as the pipeline would: what
// crosses between them is only what a boundary describes.
#ifndef HP_TESTS_STAGE_WAN_PIPELINE_PARTS_H_
#define HP_TESTS_STAGE_WAN_PIPELINE_PARTS_H_

#include <ATen/core/Tensor.h>

#include <map>
#include <optional>
#include <string>

#include "common/plan/activation_plan.h"
#include "stage/wan/golden_case.h"
#include "stage/wan/wan_part.h"

namespace halfpipe {

struct RunOptions {
  // Blocks of the first part; none: everything in one part.
  std::optional<int64_t> split = std::nullopt;
  ActivationPolicy policy = ActivationPolicy::kKeep;
  int64_t ffn_chunks = 1;
  std::optional<BlockPlan> plan = {};  // instead of the policy
  int64_t micro_batches = 1;
  // All forwards before the first backward, instead of alternating.
  bool forwards_first = false;
  at::ScalarType compute = at::kFloat;
  at::Device device = at::kCPU;
};

// The golden's result keys: out.prediction, out.loss, grad.<key>; on the CPU.
using Results = std::map<std::string, at::Tensor>;

Results RunGolden(const GoldenCase& golden, const RunOptions& options);

// ||a - b|| / ||b||; where ||b|| < 1e-12: 0 if ||a - b|| <= 1e-7, else
// infinity.
double RelativeError(const at::Tensor& a, const at::Tensor& b);

// Compare as `halfpipe verify` does: float32 within 1e-4 a tensor;
// bfloat16 within 2e-2 for the prediction and all gradients together, and 5e-2
// a tensor.
void ExpectFloatParity(const Results& results, const GoldenCase& golden);
void ExpectBfloat16Parity(const Results& results, const GoldenCase& golden);

// Every tensor of `a` has the same bits in `b`.
void ExpectSameBits(const Results& a, const Results& b);

// Uniform numbers from a generator seeded by the tensor's name.
UniformSource TestUniform();

}  // namespace halfpipe

#endif  // HP_TESTS_STAGE_WAN_PIPELINE_PARTS_H_
