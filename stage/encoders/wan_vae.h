// Video to latents: the encoders of the Wan 2.1 VAE (z = 16, 4x8x8) and of the
// Wan 2.2 VAE of TI2V-5B (z = 48, 4x16x16).
#ifndef HP_STAGE_ENCODERS_WAN_VAE_H_
#define HP_STAGE_ENCODERS_WAN_VAE_H_

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "absl/status/statusor.h"
#include "common/store/tensor_archive.h"
#include "stage/encoders/vae_encoder.h"

namespace halfpipe {

// Frames (T, H, W, 3) uint8 RGB -> (1, 3, T, H, W) fp32 on the same device,
// v / 255 * 2 - 1. InvalidArgument for another dtype or shape.
[[nodiscard]] absl::StatusOr<at::Tensor> PixelsToVideo(
    const at::Tensor& frames);

// Inference only. Owns its weights on one device; copies share them. One
// thread at a time. In fp32 on a GPU the caller switches TF32 off for cuDNN
// and cuBLAS if results are compared (a process-wide setting of libtorch).
class WanVae {
 public:
  // Reads the published names (`encoder.conv1.weight`, with or without a
  // `model.` prefix) or those of diffusers' AutoencoderKLWan; which VAE it is
  // and every size come from names and shapes. Only the encoder is loaded; on
  // kMeta nothing is read, and the rest is as elsewhere.
  // dtype: kBFloat16 or kFloat. Codes: InvalidArgument (a shape, a dtype, a
  // number of latent channels without published statistics), NotFound (a
  // tensor), DataLoss, ResourceExhausted.
  [[nodiscard]] static absl::StatusOr<WanVae> Load(const TensorArchive& archive,
                                                   at::Device device,
                                                   at::ScalarType dtype);

  // video: (1, 3, T, H, W) in [-1, 1], any float dtype and device; T = 4k + 1,
  // H and W multiples of space_factor(). Returns the normalised mean
  // (mu - mean) / std, no sampling, (1, z, (T - 1) / 4 + 1, H / f, W / f), in
  // the dtype of Load on its device. Frames go through in chunks of 1, 4, 4,
  // ..., so that memory does not grow with T.
  // InvalidArgument for a wrong shape, ResourceExhausted.
  [[nodiscard]] absl::StatusOr<at::Tensor> Encode(
      const at::Tensor& video) const;

  [[nodiscard]] int64_t latent_channels() const { return mean_.size(1); }

  // Pixels per latent cell: 4 frames; 8x8 or 16x16 pixels.
  [[nodiscard]] int64_t time_factor() const { return net_.time_factor(); }

  [[nodiscard]] int64_t space_factor() const {
    return net_.space_factor() * patch_;
  }

 private:
  [[nodiscard]] at::Tensor EncodeChunk(const at::Tensor& frames,
                                       FeatureCache& cache) const;

  VaeEncoder net_;
  int64_t patch_ = 1;      // pixels that are folded into channels, a side
  at::Tensor mean_, std_;  // (1, z, 1, 1, 1) fp32 on the device
  at::Device device_ = at::kCPU;
  at::ScalarType dtype_ = at::kFloat;
};

}  // namespace halfpipe

#endif  // HP_STAGE_ENCODERS_WAN_VAE_H_
