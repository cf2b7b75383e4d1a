// What a model computes on.
#ifndef HP_STAGE_WAN_MICROBATCH_INPUTS_H_
#define HP_STAGE_WAN_MICROBATCH_INPUTS_H_

#include <ATen/core/Tensor.h>

#include <map>
#include <string>

namespace halfpipe {

// One micro-batch as the model takes it, of any floating dtype and on any
// device. Undefined tensors stand for inputs the variant does not have.
struct MicrobatchInputs {
  at::Tensor latents;       // (B, C, F, H, W): the noisy x_t, C = out_channels
  at::Tensor timestep;      // (B) float32, 0 to 1000
  at::Tensor context;       // (B, Lt, text_dim): the text encoder's output
  at::Tensor y;             // (B, in - out channels, F, H, W)
  at::Tensor clip_feature;  // (B, Li, image_dim)
  // TI2V only: frame 0 of the latents is clean, its tokens have timestep 0.
  bool first_frame_given = false;
  // A variant's own (ModelSpec::extra_inputs), by name.
  std::map<std::string, at::Tensor> extra;
};

}  // namespace halfpipe

#endif  // HP_STAGE_WAN_MICROBATCH_INPUTS_H_
