// The published mean and standard deviation of each latent channel, by which
// latents are normalised.
#ifndef HP_STAGE_ENCODERS_VAE_STATISTICS_H_
#define HP_STAGE_ENCODERS_VAE_STATISTICS_H_

#include <cstdint>
#include <span>

namespace halfpipe {

struct LatentStatistics {
  std::span<const float> mean;
  std::span<const float> std;
};

// For 16 channels those of the Wan 2.1 VAE, for 48 those of the Wan 2.2 VAE;
// empty spans for any other number.
[[nodiscard]] LatentStatistics PublishedStatistics(int64_t latent_channels);

}  // namespace halfpipe

#endif  // HP_STAGE_ENCODERS_VAE_STATISTICS_H_
