// How a stage's part of a model is made.
#ifndef HP_STAGE_WAN_LOAD_STAGE_MODEL_H_
#define HP_STAGE_WAN_LOAD_STAGE_MODEL_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/dtype.h"
#include "common/config/lora_spec.h"
#include "common/model/model_spec.h"
#include "common/plan/activation_plan.h"
#include "stage/lora/lora_adapter.h"
#include "stage/runtime/stage_model.h"
#include "stage/wan/weight_source.h"

namespace halfpipe {

// What of the model is this part's, and how it computes.
struct StageModelOptions {
  bool embeddings = true;
  bool head = true;
  std::vector<BlockRange> blocks;  // ascending, none empty, disjoint
  at::Device device = at::kCPU;
  at::ScalarType compute = at::kFloat;     // kFloat or kBFloat16
  WeightForm weights = WeightForm::kBf16;  // of the blocks
  std::optional<LoraSpec> lora;            // none: nothing is trained
  // One entry for each of the blocks of all ranges, in block order.
  ActivationPlan plan;
  int64_t ffn_chunks = 1;  // parts that a feed forward takes its tokens in
  // The adapters' masters are in host memory, page-locked: only the optimizer
  // and RefreshComputeCopies read them.
  bool masters_on_host = false;
  // Attention whose gradients are the same bits in every run (slower on CUDA).
  bool deterministic = false;
};

// Loads the weights of this part, and only those. `uniform` draws the adapters'
// first values; `source` and `uniform` are not kept. Codes of WanPart::Create.
[[nodiscard]] absl::StatusOr<std::unique_ptr<StageModel>> LoadStageModel(
    const WeightSource& source, const StageModelOptions& options,
    const UniformSource& uniform);

}  // namespace halfpipe

#endif  // HP_STAGE_WAN_LOAD_STAGE_MODEL_H_
