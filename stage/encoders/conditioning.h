// What an image-to-video model is given beside the noise: y, a mask and the
// latents of the given frames, as Wan's I2V pipelines make them.
#ifndef HP_STAGE_ENCODERS_CONDITIONING_H_
#define HP_STAGE_ENCODERS_CONDITIONING_H_

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "absl/status/statusor.h"
#include "stage/encoders/wan_vae.h"

namespace halfpipe {

// The mask of a video of `frames` pixel frames whose first (and, if
// `last_given`, last) frame is given: 1 where given, the first frame four
// times, four consecutive frames folded into channels. (1, 4, T', height,
// width) fp32 on the CPU, T' = (frames - 1) / 4 + 1; frames = 4k + 1. In latent
// frame 0 all four channels are 1; a given last frame sets channel 3 of the
// last latent frame.
[[nodiscard]] at::Tensor GivenFramesMask(int64_t frames, int64_t height,
                                         int64_t width, bool last_given);

// y = [mask (4) | latents of the given frames with mid-grey between (z)],
// (1, 4 + z, T', H / 8, W / 8), in the VAE's dtype on its device. The mask is
// not normalised. `video`: (1, 3, T, H, W) in [-1, 1]; only its first frame
// (and its last if `last_given`) is looked at. Codes of WanVae::Encode.
[[nodiscard]] absl::StatusOr<at::Tensor> EncodeGivenFrames(
    const WanVae& vae, const at::Tensor& video, bool last_given = false);

}  // namespace halfpipe

#endif  // HP_STAGE_ENCODERS_CONDITIONING_H_
