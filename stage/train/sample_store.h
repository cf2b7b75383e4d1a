// The cached tensors of one sample: what the encoders made of a clip and its
// caption, and what a step reads back.
#ifndef HP_STAGE_TRAIN_SAMPLE_STORE_H_
#define HP_STAGE_TRAIN_SAMPLE_STORE_H_

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/store/tensor_archive.h"

namespace halfpipe {

// What the media file became. All CPU tensors, batch of one.
struct LatentSample {
  at::Tensor latents;  // (1, C, F, H, W) fp32, normalised
  at::Tensor y;        // (1, 20, F, H, W) fp32, or undefined
  at::Tensor
      clip_feature;  // (1, kImageTokens, kImageFeatures) fp32, or undefined
};

// Tensors by name, as they stand in a file.
using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

// Writes contiguous CPU copies of the tensors to a safetensors file, whole or
// not at all. ResourceExhausted when the disk is full.
[[nodiscard]] absl::Status WriteTensorFile(
    const std::string& path, const NamedTensors& tensors,
    const std::map<std::string, std::string>& metadata = {});

// Reads one tensor, or every tensor, of an opened file to the CPU. NotFound for
// a name that is not there; DataLoss for a file that ends early.
[[nodiscard]] absl::StatusOr<at::Tensor> ReadArchivedTensor(
    const TensorArchive& archive, const std::string& name);
[[nodiscard]] absl::StatusOr<std::map<std::string, at::Tensor>>
ReadArchivedTensors(const TensorArchive& archive);

// ReadArchivedTensors of a file. Codes of OpenTensorArchive too.
[[nodiscard]] absl::StatusOr<std::map<std::string, at::Tensor>> ReadTensorFile(
    const std::string& path);

[[nodiscard]] absl::Status WriteLatentSample(const std::string& path,
                                             const LatentSample& sample);
// DataLoss when the file is no latent sample of ours.
[[nodiscard]] absl::StatusOr<LatentSample> ReadLatentSample(
    const std::string& path);

// context: (1, kTextTokens, text_dim); rows behind `length` are zero and not
// stored.
[[nodiscard]] absl::Status WriteContext(const std::string& path,
                                        const at::Tensor& context,
                                        int64_t length);
// (1, kTextTokens, text_dim) bf16 with its zero rows restored.
[[nodiscard]] absl::StatusOr<at::Tensor> ReadContext(const std::string& path);

}  // namespace halfpipe

#endif  // HP_STAGE_TRAIN_SAMPLE_STORE_H_
