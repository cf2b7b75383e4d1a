// Builds the layers of one part of the model: reads the frozen weights of each
// in the right dtype and puts the LoRA adapters on the targets.
#ifndef HP_STAGE_WAN_LAYER_LOADER_H_
#define HP_STAGE_WAN_LAYER_LOADER_H_

#include <ATen/core/Tensor.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/config/lora_spec.h"
#include "stage/kernels/linear.h"
#include "stage/lora/lora_linear.h"
#include "stage/lora/weight_scratch.h"
#include "stage/wan/weight_source.h"

namespace halfpipe {

// A layer norm's parameters, float32.
struct NormWeights {
  at::Tensor weight;  // (size)
  at::Tensor bias;    // (size)
};

// Lives while a part is created. Names are native, without ".weight".
class LayerLoader {
 public:
  // `source` and `uniform` must outlive the loader. Without `lora` no layer
  // gets an adapter.
  LayerLoader(const WeightSource* source, const LoraPlacement& placement,
              std::optional<LoraSpec> lora, const UniformSource* uniform);

  [[nodiscard]] const ModelSpec& spec() const { return source_->spec(); }

  [[nodiscard]] const LoraPlacement& placement() const { return placement_; }

  // A layer outside the blocks, whose products are in float32: the weight is
  // held in the compute dtype, as what trains in bf16 rounds it anyway.
  [[nodiscard]] absl::StatusOr<LinearWeights> Frozen(
      const std::string& name) const;

  // Layers inside a block that share their input, in the compute dtype or in 8
  // bits, each with an adapter if it is a target.
  [[nodiscard]] absl::StatusOr<LoraLinear> Adapted(
      const std::vector<std::string>& names) const;

  [[nodiscard]] absl::StatusOr<NormWeights> Norm(const std::string& name) const;

  // One float32 tensor by its full name.
  [[nodiscard]] absl::StatusOr<at::Tensor> Float(const std::string& name) const;

 private:
  // The frozen part of a layer inside a block.
  [[nodiscard]] absl::StatusOr<LoraLinear::Member> LoadMember(
      const std::string& name) const;

  const WeightSource* source_;
  LoraPlacement placement_;
  std::optional<LoraSpec> lora_;
  const UniformSource* uniform_;
  std::shared_ptr<WeightScratch> scratch_;  // null: nothing is in 8 bits
};

}  // namespace halfpipe

#endif  // HP_STAGE_WAN_LAYER_LOADER_H_
