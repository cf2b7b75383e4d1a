// A Wan DiT on disk: the opened files and what they were recognised as.
#ifndef HP_COMMON_MODEL_CHECKPOINT_H_
#define HP_COMMON_MODEL_CHECKPOINT_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
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

// Wan2.2's A14B models are two experts: one of high noise, one of low. Their
// tensors have the same names, shapes and metadata, so that only the names of
// the files and folders that people keep tell them apart.
enum class WanExpert { kUnknown, kHighNoise, kLowNoise };

// By the file's name, else by its folder's:
// "high_noise_model/part.safetensors", "wan2.2_t2v_low_noise_14B.safetensors",
// "Wan2_2-I2V-A14B-HIGH_fp8.safetensors". kUnknown for names that say neither,
// or both.
[[nodiscard]] WanExpert ExpertOfPath(absl::string_view path);

// OK unless some of the files, or what they are links to, are the one expert's
// by name and some the other's: a mixture of both loads and is neither.
// InvalidArgument names one of each.
[[nodiscard]] absl::Status CheckIsOneExpert(
    const std::vector<std::string>& files);

}  // namespace halfpipe

#endif  // HP_COMMON_MODEL_CHECKPOINT_H_
