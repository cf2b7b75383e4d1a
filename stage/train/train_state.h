// What a checkpoint holds of one stage: fp32 LoRA masters, AdamW's moments and
// step count. docs/checkpoints.md describes the files.
#ifndef HP_STAGE_TRAIN_TRAIN_STATE_H_
#define HP_STAGE_TRAIN_TRAIN_STATE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/base/ids.h"
#include "common/store/lora_file.h"
#include "stage/lora/lora_adapter.h"
#include "stage/train/adamw.h"

namespace halfpipe {

// The trainable tensors of these adapters: A then B of each, in their order.
// They share memory with the adapters.
[[nodiscard]] std::vector<at::Tensor> LoraMasters(
    const std::vector<LoraAdapter*>& adapters);
[[nodiscard]] std::vector<at::Tensor> LoraGradients(
    const std::vector<LoraAdapter*>& adapters);

// "stage0.safetensors", "stage1.safetensors", and so on.
[[nodiscard]] std::string ShardName(Rank rank);

// Writes the state after a completed step. The optimizer's parameters are
// LoraMasters(adapters). Codes of WriteSafetensors.
[[nodiscard]] absl::Status SaveShard(const std::string& path,
                                     const std::vector<LoraAdapter*>& adapters,
                                     const AdamW& optimizer);

// Restores the state of these adapters from all shards in a checkpoint folder:
// which stage wrote a tensor does not matter, so a job may resume with another
// split or stage count. Nothing is changed on failure. DataLoss for a missing
// tensor or wrong shape; codes of OpenTensorArchive.
[[nodiscard]] absl::Status RestoreShards(
    const std::string& directory, const std::vector<LoraAdapter*>& adapters,
    AdamW* optimizer);

// Every adapter of the whole model from the shards in a folder, on the CPU, in
// block order, for the exports. The weights stay alive in `storage`.
[[nodiscard]] absl::Status ReadShardAdapters(
    const std::string& directory, std::vector<at::Tensor>* storage,
    std::vector<LoraMatrices>* adapters);

}  // namespace halfpipe

#endif  // HP_STAGE_TRAIN_TRAIN_STATE_H_
