#include "stage/encoders/wan_vae.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/tensor.h>

#include <span>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/model/model_spec.h"
#include "stage/encoders/encoder_names.h"
#include "stage/encoders/vae_statistics.h"
#include "stage/encoders/weight_loader.h"
#include "stage/kernels/tensor_bridge.h"
#include "stage/kernels/torch_guard.h"

namespace halfpipe {
namespace {

at::Tensor PerChannel(std::span<const float> values, at::Device device) {
  return at::tensor(at::ArrayRef<float>(values.data(), values.size()))
      .view({1, -1, 1, 1, 1})
      .to(device);
}

// (1, C, T, H, W) -> (1, C * p * p, T, H / p, W / p), channel
// c * p * p + (w offset) * p + (h offset): width is the more significant one.
at::Tensor FoldPixels(const at::Tensor& x, int64_t p) {
  if (p == 1) return x;
  const int64_t h = x.size(3) / p;
  const int64_t w = x.size(4) / p;
  return x.reshape({x.size(1), x.size(2), h, p, w, p})
      .permute({0, 5, 3, 1, 2, 4})
      .reshape({1, x.size(1) * p * p, x.size(2), h, w});
}

}  // namespace

absl::StatusOr<at::Tensor> PixelsToVideo(const at::Tensor& frames) {
  if (frames.scalar_type() != at::kByte || frames.dim() != 4 ||
      frames.size(3) != 3) {
    return absl::InvalidArgumentError(absl::StrCat(
        "frames are ", c10::toString(frames.scalar_type()), " ",
        ShapeString(ShapeOf(frames)), ", expected uint8 (T, H, W, 3)"));
  }
  return TorchGuard("pixels", [&]() -> absl::StatusOr<at::Tensor> {
    return frames.permute({3, 0, 1, 2})
        .unsqueeze(0)
        .to(at::kFloat)
        .div(255.0)
        .mul(2.0)
        .sub(1.0)
        .contiguous();
  });
}

absl::StatusOr<WanVae> WanVae::Load(const TensorArchive& archive,
                                    at::Device device, at::ScalarType dtype) {
  if (dtype != at::kFloat && dtype != at::kBFloat16) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the VAE computes in fp32 or bf16, not in ", c10::toString(dtype)));
  }
  const WeightLoader weights(archive, NativeVaeNames(archive), device, dtype);
  WanVae vae;
  vae.device_ = device;
  vae.dtype_ = dtype;
  absl::StatusOr<VaeEncoder> net = VaeEncoder::Load(weights);
  if (!net.ok()) return Annotate(net.status(), "VAE");
  vae.net_ = *std::move(net);
  if (vae.net_.in_channels() != 3 && vae.net_.in_channels() != 12) {
    return absl::InvalidArgumentError(
        absl::StrCat(archive.path(), ": 'encoder.conv1.weight' takes ",
                     vae.net_.in_channels(),
                     " channels, expected 3 (Wan 2.1) or 12 "
                     "(Wan 2.2: 2x2 pixels)"));
  }
  vae.patch_ = vae.net_.in_channels() == 12 ? 2 : 1;
  const int64_t z = vae.net_.out_channels() / 2;
  const LatentStatistics statistics = PublishedStatistics(z);
  if (statistics.mean.empty() || vae.time_factor() != kTemporalStride) {
    return absl::InvalidArgumentError(absl::StrCat(
        archive.path(), ": a VAE with ", z, " latent channels, ",
        vae.time_factor(), "x", vae.space_factor(), "x", vae.space_factor(),
        "; expected a Wan VAE: 16 channels (2.1) or 48 (2.2), 4 frames"));
  }
  return TorchGuard("VAE", [&]() -> absl::StatusOr<WanVae> {
    vae.mean_ = PerChannel(statistics.mean, device);
    vae.std_ = PerChannel(statistics.std, device);
    return vae;
  });
}

at::Tensor WanVae::EncodeChunk(const at::Tensor& frames,
                               FeatureCache& cache) const {
  cache.BeginChunk();
  const at::Tensor pixels = FoldPixels(frames.to(device_, dtype_), patch_);
  const at::Tensor mu =
      net_.Forward(pixels, cache).narrow(1, 0, latent_channels());
  return ((mu.to(at::kFloat) - mean_) / std_).to(dtype_);
}

absl::StatusOr<at::Tensor> WanVae::Encode(const at::Tensor& video) const {
  const int64_t f = space_factor();
  if (video.dim() != 5 || video.size(0) != 1 || video.size(1) != 3 ||
      video.size(2) % kTemporalStride != 1 || video.size(3) % f != 0 ||
      video.size(4) % f != 0 || video.numel() == 0 ||
      !video.is_floating_point()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "video is ", c10::toString(video.scalar_type()), " ",
        ShapeString(ShapeOf(video)),
        ", expected floats (1, 3, 4k + 1, H, W) with H and W multiples of ",
        f));
  }
  return TorchGuard("VAE", [&]() -> absl::StatusOr<at::Tensor> {
    FeatureCache cache;
    std::vector<at::Tensor> latents;
    latents.push_back(EncodeChunk(video.narrow(2, 0, 1), cache));
    for (int64_t t = 1; t < video.size(2); t += kTemporalStride) {
      latents.push_back(
          EncodeChunk(video.narrow(2, t, kTemporalStride), cache));
    }
    return at::cat(latents, 2);
  });
}

}  // namespace halfpipe
