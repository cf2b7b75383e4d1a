// A Wan DiT on disk: the opened files and what they were recognised as.
#ifndef HP_COMMON_WAN_CHECKPOINT_H_
#define HP_COMMON_WAN_CHECKPOINT_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/store/tensor_archive.h"
#include "common/wan/variant.h"

namespace halfpipe {

struct WanCheckpoint {
  std::unique_ptr<TensorArchive> archive;
  WanVariant variant;
};

// Opens a file or folder (see OpenTensorArchive), reads `config.json` in the
// same folder if there is one, and recognises the variant. No tensor is read.
// Codes: those of OpenTensorArchive; InvalidArgument as DetectWanVariant, or
// for a config.json that is no JSON object or has only one of
// num_attention_heads and attention_head_dim (one with neither sets nothing).
[[nodiscard]] absl::StatusOr<WanCheckpoint> OpenWanCheckpoint(
    const std::string& path);

}  // namespace halfpipe

#endif  // HP_COMMON_WAN_CHECKPOINT_H_
