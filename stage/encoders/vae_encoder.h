// The network of the Wan VAE encoder for one chunk of frames: first
// convolution, stages, middle, head. The wiring is read from the tensor names,
// so that Wan 2.1 (a flat list) and Wan 2.2 (stages with an averaging shortcut)
// are one class.
#ifndef HP_STAGE_ENCODERS_VAE_ENCODER_H_
#define HP_STAGE_ENCODERS_VAE_ENCODER_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "stage/encoders/vae_attention.h"
#include "stage/encoders/vae_causal_conv.h"
#include "stage/encoders/vae_downsample.h"
#include "stage/encoders/vae_residual_block.h"
#include "stage/encoders/weight_loader.h"

namespace halfpipe {

class VaeEncoder {
 public:
  // Native names; codes of WeightLoader::Load.
  [[nodiscard]] static absl::StatusOr<VaeEncoder> Load(
      const WeightLoader& weights);

  // x: (1, in_channels, T, H, W), T = 1 in the first chunk of a video, then a
  // multiple of time_factor(). Returns (1, 2z, T', H', W').
  [[nodiscard]] at::Tensor Forward(const at::Tensor& x,
                                   FeatureCache& cache) const;

  // 3 for Wan 2.1; 12 for Wan 2.2, whose pixels come folded 2x2.
  [[nodiscard]] int64_t in_channels() const { return first_.in_channels(); }

  // 2z: mean and log-variance.
  [[nodiscard]] int64_t out_channels() const { return last_.out_channels(); }

  // By how much time, and height and width, shrink.
  [[nodiscard]] int64_t time_factor() const { return time_factor_; }

  [[nodiscard]] int64_t space_factor() const { return space_factor_; }

 private:
  using Layer = std::variant<VaeResidualBlock, VaeDownsample>;

  // Layers in order, and around them, in Wan 2.2, the averaging shortcut.
  struct Stage {
    std::vector<Layer> layers;
    bool shortcut = false;
    int64_t factor_t = 1;
    int64_t factor_s = 1;
    int64_t out_channels = 0;
  };

  [[nodiscard]] static absl::StatusOr<Stage> LoadStage(
      const WeightLoader& weights, const std::string& prefix, int64_t in);
  [[nodiscard]] absl::Status AddStage(absl::StatusOr<Stage> stage);

  CausalConv3d first_;
  std::vector<Stage> stages_;
  VaeResidualBlock middle0_;
  VaeAttention attention_;
  VaeResidualBlock middle2_;
  at::Tensor head_gamma_;
  CausalConv3d head_;
  CausalConv3d last_;  // 1x1x1, outside the encoder in the file's naming
  int64_t time_factor_ = 1;
  int64_t space_factor_ = 1;
};

}  // namespace halfpipe

#endif  // HP_STAGE_ENCODERS_VAE_ENCODER_H_
