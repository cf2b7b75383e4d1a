#include "stage/train/train_state.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "common/base/status.h"
#include "common/store/tensor_archive.h"
#include "stage/kernels/tensor_bridge.h"
#include "stage/kernels/torch_guard.h"
#include "stage/train/sample_store.h"

namespace halfpipe {
namespace {

constexpr char kWeightPrefix[] = "lora.";
constexpr char kFirstPrefix[] = "adam.first.";
constexpr char kSecondPrefix[] = "adam.second.";
constexpr char kStepsKey[] = "adam_steps";

// The shards of a checkpoint folder, opened.
class Shards {
 public:
  static absl::StatusOr<Shards> Open(const std::string& directory) {
    Shards shards;
    for (int32_t rank = 0;; ++rank) {
      const std::string path =
          absl::StrCat(directory, "/", ShardName(Rank(rank)));
      if (rank > 0 && !std::filesystem::exists(path)) break;
      HP_ASSIGN_OR_RETURN(std::unique_ptr<TensorArchive> archive,
                          OpenTensorArchive(path));
      shards.archives_.push_back(std::move(archive));
    }
    return shards;
  }

  // A copy of one tensor on the CPU.
  absl::StatusOr<at::Tensor> Read(const std::string& name) const {
    for (const auto& archive : archives_) {
      if (archive->tensors().count(name) > 0) {
        return ReadArchivedTensor(*archive, name);
      }
    }
    return absl::DataLossError(
        absl::StrCat(archives_.front()->path(),
                     ": no shard of this checkpoint has tensor '", name, "'"));
  }

  absl::StatusOr<int64_t> Steps() const {
    const auto& metadata = archives_.front()->metadata();
    auto it = metadata.find(kStepsKey);
    int64_t steps = 0;
    if (it == metadata.end() || !absl::SimpleAtoi(it->second, &steps)) {
      return absl::DataLossError(
          absl::StrCat(archives_.front()->path(), ": no metadata ", kStepsKey));
    }
    return steps;
  }

  [[nodiscard]] const std::vector<std::unique_ptr<TensorArchive>>& archives()
      const {
    return archives_;
  }

 private:
  std::vector<std::unique_ptr<TensorArchive>> archives_;
};

// Pairs of where a tensor goes and what goes there, applied only when all of
// them were read.
using Restores = std::vector<std::pair<at::Tensor, at::Tensor>>;

absl::Status PlanRestore(const Shards& shards, const std::string& name,
                         const at::Tensor& target, Restores* restores) {
  HP_ASSIGN_OR_RETURN(at::Tensor source, shards.Read(name));
  HP_RETURN_IF_ERROR(CheckShape(name, source, ShapeOf(target)));
  restores->emplace_back(target, source);
  return absl::OkStatus();
}

std::vector<const LoraParameter*> ParametersOf(
    const std::vector<LoraAdapter*>& adapters) {
  std::vector<const LoraParameter*> parameters;
  for (const LoraAdapter* adapter : adapters) {
    parameters.push_back(&adapter->a);
    parameters.push_back(&adapter->b);
  }
  return parameters;
}

// "blocks.12.self_attn.q" sorts behind "blocks.2...": compare the numbers.
bool BlockOrder(const std::string& left, const std::string& right) {
  const auto block = [](const std::string& module) {
    int64_t index = 0;
    absl::string_view rest = module;
    if (absl::ConsumePrefix(&rest, "blocks.") &&
        absl::SimpleAtoi(rest.substr(0, rest.find('.')), &index)) {
      return index;
    }
    return int64_t{0};
  };
  return std::pair(block(left), left) < std::pair(block(right), right);
}

}  // namespace

std::vector<at::Tensor> LoraMasters(const std::vector<LoraAdapter*>& adapters) {
  std::vector<at::Tensor> masters;
  for (const LoraParameter* parameter : ParametersOf(adapters)) {
    masters.push_back(parameter->master);
  }
  return masters;
}

std::vector<at::Tensor> LoraGradients(
    const std::vector<LoraAdapter*>& adapters) {
  std::vector<at::Tensor> gradients;
  for (const LoraParameter* parameter : ParametersOf(adapters)) {
    gradients.push_back(parameter->grad);
  }
  return gradients;
}

std::string ShardName(Rank rank) {
  return absl::StrCat("stage", rank.value(), ".safetensors");
}

absl::Status SaveShard(const std::string& path,
                       const std::vector<LoraAdapter*>& adapters,
                       const AdamW& optimizer) {
  const auto parameters = ParametersOf(adapters);
  HP_CHECK(parameters.size() == optimizer.first_moments().size());
  NamedTensors tensors;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const std::string& name = parameters[i]->name;
    tensors.emplace_back(kWeightPrefix + name, parameters[i]->master);
    tensors.emplace_back(kFirstPrefix + name, optimizer.first_moments()[i]);
    tensors.emplace_back(kSecondPrefix + name, optimizer.second_moments()[i]);
  }
  return WriteTensorFile(path, tensors,
                         {{kStepsKey, absl::StrCat(optimizer.steps())}});
}

absl::Status RestoreShards(const std::string& directory,
                           const std::vector<LoraAdapter*>& adapters,
                           AdamW* optimizer) {
  return TorchGuard("restore checkpoint", [&]() -> absl::Status {
    HP_ASSIGN_OR_RETURN(Shards shards, Shards::Open(directory));
    HP_ASSIGN_OR_RETURN(int64_t steps, shards.Steps());
    const auto parameters = ParametersOf(adapters);
    Restores restores;
    for (size_t i = 0; i < parameters.size(); ++i) {
      const std::string& name = parameters[i]->name;
      HP_RETURN_IF_ERROR(PlanRestore(shards, kWeightPrefix + name,
                                     parameters[i]->master, &restores));
      HP_RETURN_IF_ERROR(PlanRestore(shards, kFirstPrefix + name,
                                     optimizer->first_moments()[i], &restores));
      HP_RETURN_IF_ERROR(PlanRestore(shards, kSecondPrefix + name,
                                     optimizer->second_moments()[i],
                                     &restores));
    }
    for (auto& [target, source] : restores) target.copy_(source);
    optimizer->set_steps(steps);
    for (LoraAdapter* adapter : adapters) adapter->RefreshComputeCopies();
    return absl::OkStatus();
  });
}

absl::Status ReadShardAdapters(const std::string& directory,
                               std::vector<at::Tensor>* storage,
                               std::vector<LoraMatrices>* adapters) {
  return TorchGuard("read checkpoint", [&]() -> absl::Status {
    HP_ASSIGN_OR_RETURN(Shards shards, Shards::Open(directory));
    std::vector<std::string> modules;
    for (const auto& archive : shards.archives()) {
      for (const auto& [name, entry] : archive->tensors()) {
        absl::string_view module = name;
        if (absl::ConsumePrefix(&module, kWeightPrefix) &&
            absl::ConsumeSuffix(&module, ".lora_A")) {
          modules.emplace_back(module);
        }
      }
    }
    std::sort(modules.begin(), modules.end(), BlockOrder);
    for (const std::string& module : modules) {
      HP_ASSIGN_OR_RETURN(at::Tensor a, shards.Read(absl::StrCat(
                                            kWeightPrefix, module, ".lora_A")));
      HP_ASSIGN_OR_RETURN(at::Tensor b, shards.Read(absl::StrCat(
                                            kWeightPrefix, module, ".lora_B")));
      adapters->push_back({.module = module,
                           .rank = a.size(0),
                           .in = a.size(1),
                           .out = b.size(0),
                           .a = a.const_data_ptr<float>(),
                           .b = b.const_data_ptr<float>()});
      storage->push_back(a);
      storage->push_back(b);
    }
    return absl::OkStatus();
  });
}

}  // namespace halfpipe
