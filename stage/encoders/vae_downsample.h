// Halving of height and width, and of time where the block says so, and the
// averaging shortcut that Wan 2.2 lays around a stage.
#ifndef HP_STAGE_ENCODERS_VAE_DOWNSAMPLE_H_
#define HP_STAGE_ENCODERS_VAE_DOWNSAMPLE_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "stage/encoders/vae_causal_conv.h"
#include "stage/encoders/weight_loader.h"

namespace halfpipe {

class VaeDownsample {
 public:
  // Loads `<name>.resample.1.*` and, if it is there, `<name>.time_conv.*`.
  [[nodiscard]] static absl::StatusOr<VaeDownsample> Load(
      const WeightLoader& weights, const std::string& name, int64_t channels);

  // (1, C, T, H, W) -> (1, C, T or T / 2, H / 2, W / 2). The first chunk is one
  // frame and keeps it; later ones halve an even T.
  [[nodiscard]] at::Tensor Forward(const at::Tensor& x,
                                   FeatureCache& cache) const;

  [[nodiscard]] bool halves_time() const { return time_weight_.defined(); }

 private:
  at::Tensor weight_, bias_;            // (C, C, 3, 3), (C)
  at::Tensor time_weight_, time_bias_;  // (C, C, 3, 1, 1), (C); or undefined
};

// Folds blocks of factor_t frames by factor_s x factor_s pixels into channels
// and averages consecutive groups of them down to `out` channels. Time is
// padded with zero frames in front. x: (1, C, T, H, W), H and W multiples of
// factor_s, C * factor_t * factor_s^2 a multiple of `out`.
[[nodiscard]] at::Tensor AverageDown(const at::Tensor& x, int64_t out,
                                     int64_t factor_t, int64_t factor_s);

}  // namespace halfpipe

#endif  // HP_STAGE_ENCODERS_VAE_DOWNSAMPLE_H_
