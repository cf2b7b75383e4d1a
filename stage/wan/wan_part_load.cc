// How a WanPart gets its weights and adapters, and lets go of them; wan_part.cc
// computes.
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "stage/activations/host_state.h"
#include "stage/kernels/cuda_runtime.h"
#include "stage/kernels/fp8.h"
#include "stage/kernels/torch_guard.h"
#include "stage/wan/load_order.h"
#include "stage/wan/lora_targets.h"
#include "stage/wan/wan_part.h"

namespace halfpipe {
namespace {

absl::Status CheckOptions(const ModelSpec& wan,
                          const StageModelOptions& options) {
  int64_t free = 0;  // behind the ranges so far
  for (const BlockRange& blocks : options.blocks) {
    if (blocks.begin < free || blocks.size() < 1 || blocks.end > wan.layers) {
      return absl::InvalidArgumentError(
          absl::StrCat("blocks ", ToText(blocks),
                       ": expected ascending ranges that are "
                       "not empty, of the model's blocks [0, ",
                       wan.layers, ")"));
    }
    free = blocks.end;
  }
  if (options.compute != at::kFloat && options.compute != at::kBFloat16) {
    return absl::InvalidArgumentError(
        absl::StrCat("compute dtype: expected float32 or bfloat16, found ",
                     c10::toString(options.compute)));
  }
  const int64_t count = CountBlocks(options.blocks);
  if (options.plan.size() != count) {
    return absl::InvalidArgumentError(
        absl::StrCat("memory plan: expected one for each of ", count,
                     " blocks, found ", options.plan.size()));
  }
  if (options.ffn_chunks < 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "feed-forward chunks: expected 1 or more, found ", options.ffn_chunks));
  }
  if (options.weights == WeightForm::kFp8Compute && options.device.is_cuda() &&
      !HasFp8Products(options.device)) {
    return absl::InvalidArgumentError(
        "model.weights: fp8_compute needs a GPU that multiplies in fp8 "
        "(compute "
        "capability 8.9 or later); write fp8, which multiplies in bf16");
  }
  if (!options.lora.has_value()) return absl::OkStatus();
  return LoraModules(wan, *options.lora).status();
}

}  // namespace

absl::StatusOr<std::unique_ptr<WanPart>> WanPart::Create(
    const WeightSource& source, const StageModelOptions& options,
    const UniformSource& uniform) {
  HP_RETURN_IF_ERROR(CheckOptions(source.spec(), options));
  if (options.device.is_cuda()) {
    HP_RETURN_IF_ERROR(EnsureCudaLoaded());
  }
  HP_ASSIGN_OR_RETURN(std::unique_ptr<HostCopies> copies,
                      MakeHostCopies(options.device));
  std::unique_ptr<WanPart> part(
      new WanPart(source.spec(), options, std::move(copies)));
  const absl::Status loaded = TorchGuard("loading the model", [&] {
    source.BeginLoads(
        LoadOrder(source.spec(), {.embeddings = options.embeddings,
                                  .head = options.head,
                                  .blocks = options.blocks}),
        options.device);
    const LayerLoader loader(&source,
                             {options.device, options.compute, options.weights},
                             options.lora, &uniform);
    return part->Load(loader);
  });
  source.EndLoads();
  HP_RETURN_IF_ERROR(loaded);
  return part;
}

absl::Status WanPart::Load(const LayerLoader& loader) {
  if (options_.embeddings) {
    HP_ASSIGN_OR_RETURN(embeddings_, Embeddings::Load(loader));
  }
  const AttentionBackend backend =
      ChooseAttention(AttentionDeviceOf(options_.device), options_.compute,
                      model_spec_.head_dim(), options_.deterministic);
  for (const BlockRange& range : options_.blocks) {
    for (int64_t i = range.begin; i < range.end; ++i) {
      HP_ASSIGN_OR_RETURN(WanBlock loaded, WanBlock::Load(loader, i, backend,
                                                          options_.ffn_chunks));
      blocks_.push_back(std::move(loaded));
    }
  }
  for (const WanBlock& loaded : blocks_) loaded.AppendAdapters(&adapters_);
  if (options_.masters_on_host) MoveMastersToHost();
  if (options_.head) {
    HP_ASSIGN_OR_RETURN(head_, Head::Load(loader));
  }
  return absl::OkStatus();
}

void WanPart::MoveMastersToHost() {
  std::vector<at::Tensor*> masters;
  for (LoraAdapter* adapter : adapters_) {
    masters.push_back(&adapter->a.master);
    masters.push_back(&adapter->b.master);
  }
  std::vector<at::Tensor> now;
  now.reserve(masters.size());
  for (const at::Tensor* master : masters) now.push_back(*master);
  const std::vector<at::Tensor> on_host = HostZerosLike(now, options_.device);
  for (size_t i = 0; i < masters.size(); ++i) {
    on_host[i].copy_(now[i]);
    *masters[i] = on_host[i];
  }
}

bool WanPart::CanRenew(const StageModelOptions& to) const {
  const StageModelOptions& from = options_;
  const bool same_lora =
      from.lora.has_value() == to.lora.has_value() &&
      (!to.lora.has_value() || (from.lora->rank == to.lora->rank &&
                                from.lora->targets == to.lora->targets));
  return same_lora && from.embeddings == to.embeddings &&
         from.head == to.head && from.blocks == to.blocks &&
         from.device == to.device && from.compute == to.compute &&
         from.weights == to.weights;
}

absl::Status WanPart::Renew(const StageModelOptions& options,
                            const UniformSource& uniform) {
  HP_RETURN_IF_ERROR(CheckOptions(model_spec_, options));
  if (!CanRenew(options)) {
    return absl::InvalidArgumentError(
        "a part is renewed with other weights or adapters than it has");
  }
  HP_ASSIGN_OR_RETURN(std::unique_ptr<HostCopies> copies,
                      MakeHostCopies(options.device));
  return TorchGuard("renewing the model", [&] {
    Retire();
    store_ = ActivationStore(std::move(copies));
    options_ = options;
    const AttentionBackend backend =
        ChooseAttention(AttentionDeviceOf(options.device), options.compute,
                        model_spec_.head_dim(), options.deterministic);
    for (WanBlock& loaded : blocks_) {
      loaded.Configure(backend, options.ffn_chunks);
    }
    for (LoraAdapter* adapter : adapters_) {
      // The compute copies stay where the layers' matrices have them.
      LoraAdapter fresh = MakeLoraAdapter(
          adapter->module, adapter->in, adapter->out, options.lora->rank,
          options.lora->scale(), options.device, uniform);
      adapter->scale = fresh.scale;
      adapter->a.master = std::move(fresh.a.master);
      adapter->a.grad = std::move(fresh.a.grad);
      adapter->b.master = std::move(fresh.b.master);
      adapter->b.grad = std::move(fresh.b.grad);
      adapter->RefreshComputeCopies();
    }
    if (options_.masters_on_host) MoveMastersToHost();
    return absl::OkStatus();
  });
}

void WanPart::Retire() {
  AbandonMicrobatches();
  ropes_.clear();
  // Copies on the CPU hold nothing, and making them cannot fail.
  store_ = ActivationStore(MakeHostCopies(at::kCPU).value());
  for (LoraAdapter* adapter : adapters_) {
    for (LoraParameter* parameter : {&adapter->a, &adapter->b}) {
      parameter->master.reset();
      parameter->grad.reset();
    }
  }
}

}  // namespace halfpipe
