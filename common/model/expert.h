// Wan2.2's A14B models are two experts: one of high noise, one of low. Their
// tensors have the same names, shapes and metadata, so that only the names of
// the files and folders that people keep tell them apart.
#ifndef HP_COMMON_MODEL_EXPERT_H_
#define HP_COMMON_MODEL_EXPERT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace halfpipe {

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

#endif  // HP_COMMON_MODEL_EXPERT_H_
