// The UMT5 text encoder of Wan (umt5-xxl: 24 layers, d_model 4096, 64 heads).
#ifndef HP_STAGE_ENCODERS_UMT5_ENCODER_H_
#define HP_STAGE_ENCODERS_UMT5_ENCODER_H_

#include <ATen/core/Tensor.h>

#include <vector>

#include "absl/status/statusor.h"
#include "common/store/tensor_archive.h"
#include "stage/encoders/tokenized_prompt.h"
#include "stage/encoders/umt5_layer.h"

namespace halfpipe {

// Inference only. Owns its weights on one device; movable, not copyable in
// spirit (copies share the weights). One thread at a time.
class Umt5Encoder {
 public:
  // Reads the published layout (`blocks.0.attn.q.weight`) or transformers'
  // (`encoder.block.0...`); every size comes from the shapes. The weights go
  // layer by layer to `device` in `dtype` (kBFloat16 or kFloat), those in fp8
  // times their scales (quantised_weights.h); on kMeta nothing is read, and the
  // rest is as elsewhere. Codes: InvalidArgument (a shape, a stored or an asked
  // dtype, a quantised form, a tensor of a layer that is not understood),
  // NotFound (a tensor), DataLoss, ResourceExhausted.
  [[nodiscard]] static absl::StatusOr<Umt5Encoder> Load(
      const TensorArchive& archive, at::Device device, at::ScalarType dtype);

  // (1, kPromptTokens, d_model) on the device, in the dtype of Load; rows from
  // prompt.length on are zero, as Wan feeds them to the DiT. Softmax and norm
  // statistics are fp32. InvalidArgument for a malformed prompt or an id
  // outside the embedding; ResourceExhausted.
  [[nodiscard]] absl::StatusOr<at::Tensor> Encode(
      const TokenizedPrompt& prompt) const;

  // The width of a token's row, d_model.
  [[nodiscard]] int64_t width() const { return embedding_.size(1); }

  [[nodiscard]] int64_t layers() const {
    return static_cast<int64_t>(layers_.size());
  }

  // How many tokens it knows; ids are below it.
  [[nodiscard]] int64_t vocabulary() const { return embedding_.size(0); }

 private:
  at::Tensor embedding_;  // (vocabulary, d_model)
  std::vector<Umt5Layer> layers_;
  at::Tensor norm_;  // (d_model)
};

}  // namespace halfpipe

#endif  // HP_STAGE_ENCODERS_UMT5_ENCODER_H_
