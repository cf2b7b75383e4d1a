// A Wan DiT on disk: the opened files and what they were recognised as.
#ifndef HP_COMMON_MODEL_CHECKPOINT_H_
#define HP_COMMON_MODEL_CHECKPOINT_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/model/variant.h"
#include "common/store/tensor_archive.h"

namespace halfpipe {

struct WanCheckpoint {
  std::unique_ptr<TensorArchive> archive;
  WanVariant variant;
};

// Opens a file or folder (see OpenTensorArchive), reads `config.json` in the
// same folder if there is one, and recognises the variant. Of the weights only
// fp8 scales are read. Codes: those of OpenTensorArchive; InvalidArgument as
// DetectWanVariant, CheckIsOneExpert, CheckQuantisationWords and
// CheckScaleNumbers, CheckFileForm for a config.json that is none, or for one
// that is no JSON object, has a quantization_config, another num_layers than
// there are blocks, or only one of num_attention_heads and attention_head_dim.
// One with neither sets no heads, or has the original release's dim and
// num_heads.
[[nodiscard]] absl::StatusOr<WanCheckpoint> OpenWanCheckpoint(
    const std::string& path);

}  // namespace halfpipe

#endif  // HP_COMMON_MODEL_CHECKPOINT_H_
