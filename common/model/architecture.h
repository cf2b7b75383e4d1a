// The sizes of a Wan DiT and the tensors it therefore consists of. Free of
// libtorch: the planner and the command line's checks use it too.
//
// Every dense variant is one shape family: T2V (in == out channels), I2V (more
// input than output channels: the rest is the condition y), image models (a
// CLIP branch in cross attention), TI2V (48 output channels: frames may have
// timesteps of their own). Source: the published checkpoints' names and shapes.
#ifndef HP_COMMON_MODEL_ARCHITECTURE_H_
#define HP_COMMON_MODEL_ARCHITECTURE_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/base/dtype.h"

namespace halfpipe {

struct WanArchitecture {
  int64_t dim = 0;           // D, width of a token
  int64_t ffn_dim = 0;       // F, inner width of the feed-forward layer
  int64_t heads = 0;         // H; a head is D / H wide
  int64_t layers = 0;        // blocks
  int64_t in_channels = 0;   // of the patch embedding: latents and y
  int64_t out_channels = 0;  // of the prediction, and so of the latents
  int64_t text_dim = 0;      // width of the text encoder's output
  int64_t freq_dim = 0;      // width of the timestep's sinusoid
  int64_t patch_frames = 1;  // latent cells of one token on each axis
  int64_t patch_rows = 2;
  int64_t patch_columns = 2;
  int64_t image_dim = 0;        // width of clip_feature; 0: no image branch
  int64_t image_positions = 0;  // tokens of its position table; 0: none

  [[nodiscard]] int64_t head_dim() const { return dim / heads; }

  // Channels of y, which is concatenated to the latents; 0: no y.
  [[nodiscard]] int64_t condition_channels() const {
    return in_channels - out_channels;
  }

  [[nodiscard]] bool has_image_branch() const { return image_dim > 0; }

  // Whether a clean first frame may be given, whose tokens have timestep 0.
  [[nodiscard]] bool has_frame_timesteps() const { return out_channels == 48; }

  // Latent cells of a token.
  [[nodiscard]] int64_t patch_volume() const {
    return patch_frames * patch_rows * patch_columns;
  }

  // "T2V", "I2V (20 condition channels)", ..., for messages and logs.
  [[nodiscard]] std::string Description() const;

  friend bool operator==(const WanArchitecture&,
                         const WanArchitecture&) = default;
};

// Epsilon of the norms inside blocks and head, and of the image embedding's.
inline constexpr double kWanEps = 1e-6;
inline constexpr double kImageEmbeddingEps = 1e-5;

// A half-open range of block indices.
struct BlockRange {
  int64_t begin = 0;
  int64_t end = 0;

  [[nodiscard]] int64_t size() const { return end - begin; }

  friend bool operator==(const BlockRange&, const BlockRange&) = default;
};

// "[4, 8)".
[[nodiscard]] std::string ToText(const BlockRange& blocks);

// Blocks in all of them.
[[nodiscard]] int64_t CountBlocks(const std::vector<BlockRange>& ranges);

// Every tensor of the model by native name, with its shape.
[[nodiscard]] std::map<std::string, Shape> WanTensors(
    const WanArchitecture& architecture);

// The linear layers of one block, relative to it ("self_attn.q"), in the fixed
// order that LoRA adapters are listed in.
[[nodiscard]] std::vector<std::string> BlockLinears(
    const WanArchitecture& architecture);

// The linear layers outside the blocks.
[[nodiscard]] std::vector<std::string> OuterLinears(
    const WanArchitecture& architecture);

}  // namespace halfpipe

#endif  // HP_COMMON_MODEL_ARCHITECTURE_H_
