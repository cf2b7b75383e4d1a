// What single variants compute beside the family's own layers. A variant's file
// registers it under the names that its row (known_variants.h) puts into the
// ModelSpec; nothing else asks which variant a model is.
#ifndef HP_STAGE_WAN_VARIANT_PARTS_H_
#define HP_STAGE_WAN_VARIANT_PARTS_H_

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/model/model_spec.h"
#include "stage/lora/lora_adapter.h"
#include "stage/wan/conditioning.h"
#include "stage/wan/layer_loader.h"
#include "stage/wan/microbatch_inputs.h"

namespace halfpipe {

// The mathematics of an ExtraModule. Runs inside a TorchGuard. Not thread-safe:
// Backward accumulates gradients.
class VariantModule {
 public:
  virtual ~VariantModule() = default;

  // The tokens behind it, (B, L, D) in the compute dtype, as x is. x is all
  // that is saved for the backward: what else that needs is made again there.
  [[nodiscard]] virtual at::Tensor Forward(
      const at::Tensor& x, const Conditioning& conditioning) const = 0;

  // Adds the LoRA gradients of this micro-batch and returns dL/dx.
  virtual at::Tensor Backward(const at::Tensor& d, const at::Tensor& x,
                              const Conditioning& conditioning) = 0;

  // In the order of ExtraModule::linears. Owned by this.
  virtual void AppendAdapters(std::vector<LoraAdapter*>* adapters) const = 0;
};

// Makes a variant's own split tensors out of its own inputs. Frozen.
class VariantEmbedding {
 public:
  virtual ~VariantEmbedding() = default;

  // Sets conditioning->extra of every name in ModelSpec::extra_split; what goes
  // to the blocks is rounded to the compute dtype here. REQUIRES: inputs that
  // ShapeOfInputs accepted. Runs inside a TorchGuard.
  virtual void Forward(const MicrobatchInputs& inputs,
                       Conditioning* conditioning) const = 0;
};

using LoadVariantModuleFn = absl::StatusOr<std::unique_ptr<VariantModule>> (*)(
    const LayerLoader& loader, const ExtraModule& module);
using LoadVariantEmbeddingFn =
    absl::StatusOr<std::unique_ptr<VariantEmbedding>> (*)(
        const LayerLoader& loader);

// Under ExtraModule::kind and ModelSpec::variant. Before a second thread loads
// a model. Always true, for the initialiser of a constant.
bool RegisterVariantModule(const std::string& kind, LoadVariantModuleFn load);
bool RegisterVariantEmbedding(const std::string& variant,
                              LoadVariantEmbeddingFn load);

// Unimplemented: nothing is registered under the name; else the codes of the
// weight source.
[[nodiscard]] absl::StatusOr<std::unique_ptr<VariantModule>> LoadVariantModule(
    const LayerLoader& loader, const ExtraModule& module);
[[nodiscard]] absl::StatusOr<std::unique_ptr<VariantEmbedding>>
LoadVariantEmbedding(const LayerLoader& loader);

}  // namespace halfpipe

#endif  // HP_STAGE_WAN_VARIANT_PARTS_H_
