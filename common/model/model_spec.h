// What a model is: its sizes, the latents it is made for, the inputs it takes,
// the tensors it therefore consists of. Everything that depends on the model
// asks this and keeps no size of its own: stages, planner, job checks, cache
// keys, exports, the command line. Free of libtorch.
//
// Every dense variant is one shape family: T2V (in == out channels), I2V (more
// input than output channels: the rest is the condition y), image models (a
// CLIP branch in cross attention), TI2V (48 output channels: frames may have
// timesteps of their own). Source: the published checkpoints' names and shapes.
#ifndef HP_COMMON_MODEL_MODEL_SPEC_H_
#define HP_COMMON_MODEL_MODEL_SPEC_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/base/dtype.h"
#include "common/model/extents.h"

namespace halfpipe {

// Tokens of the text encoder's output: every prompt is padded or cut to them,
// and rows behind the text are zero.
inline constexpr int64_t kTextTokens = 512;

// Tokens of one picture's features (CLIP's ViT-H/14: 16 x 16 patches and the
// class), and their width.
inline constexpr int64_t kImageTokens = 257;
inline constexpr int64_t kImageFeatures = 1280;

// Frames of a clip that make one latent frame; its first makes one alone, so
// that clips have 4k+1 frames. The same for every VAE.
inline constexpr int64_t kTemporalStride = 4;

[[nodiscard]] constexpr int64_t LatentFrames(int64_t frames) {
  return (frames - 1) / kTemporalStride + 1;
}

[[nodiscard]] constexpr int64_t ClipFrames(int64_t latent_frames) {
  return (latent_frames - 1) * kTemporalStride + 1;
}

// What a VAE makes of pictures, and what the models that have its latents have
// in common. All a model's tensors tell of it is the number of channels.
struct LatentGrid {
  int64_t channels = 0;
  int64_t spatial_stride = 0;      // pixels of a latent cell on either axis
  double frames_per_second = 0.0;  // of the videos that its models make
  // Whether its models take a clean first frame, whose tokens have timestep 0.
  bool has_frame_timesteps = false;
  const char* vae = "";        // as it is published
  const char* vae_users = "";  // whose it is, for messages

  friend bool operator==(const LatentGrid&, const LatentGrid&) = default;
};

inline constexpr LatentGrid kWan21Latents = {.channels = 16,
                                             .spatial_stride = 8,
                                             .frames_per_second = 16.0,
                                             .has_frame_timesteps = false,
                                             .vae = "Wan2.1_VAE",
                                             .vae_users = "all other models"};
inline constexpr LatentGrid kWan22Latents = {.channels = 48,
                                             .spatial_stride = 16,
                                             .frames_per_second = 24.0,
                                             .has_frame_timesteps = true,
                                             .vae = "Wan2.2_VAE",
                                             .vae_users = "Wan2.2-TI2V-5B"};

// Of models with so many latent channels; unknown numbers are as Wan 2.1's.
[[nodiscard]] constexpr const LatentGrid& LatentGridOf(int64_t channels) {
  return channels == kWan22Latents.channels ? kWan22Latents : kWan21Latents;
}

// Something that a micro-batch gives the model.
struct ModelInput {
  std::string name;
  Extents shape;
  std::string meaning;  // for people

  friend bool operator==(const ModelInput&, const ModelInput&) = default;
};

// A tensor that goes from the embeddings, or from one block to the next, over
// the split between stages.
struct SplitTensor {
  std::string name;
  Extents shape;
  bool is_float32 = false;  // else in the compute dtype
  bool needs_grad = false;  // whether its gradient comes back the other way

  friend bool operator==(const SplitTensor&, const SplitTensor&) = default;
};

// A module that a variant has beside the family's layers: it takes the tokens
// that a block gives and gives those that the next one takes.
struct ExtraModule {
  std::string kind;  // its mathematics: what variant_parts.h knows it by
  // Of its tensors' names, "probe.0."; not "blocks.", which are the family's.
  std::string prefix;
  int64_t after_block = 0;
  std::map<std::string, Shape> tensors = {};  // by what follows the prefix
  // Of those, the layers ("proj") that a LoRA can sit on, in the order in which
  // adapters are listed.
  std::vector<std::string> linears = {};

  friend bool operator==(const ExtraModule&, const ExtraModule&) = default;
};

struct ModelSpec {
  int64_t dim = 0;           // D, width of a token
  int64_t ffn_dim = 0;       // F, inner width of the feed-forward layer
  int64_t heads = 0;         // H; a head is D / H wide
  int64_t layers = 0;        // blocks
  int64_t text_dim = 0;      // width of the text encoder's output
  int64_t in_channels = 0;   // of the patch embedding: latents and y
  int64_t out_channels = 0;  // of the prediction, and so of the latents
  int64_t freq_dim = 256;    // width of the timestep's sinusoid
  int64_t patch_frames = 1;  // latent cells of one token on each axis
  int64_t patch_rows = 2;
  int64_t patch_columns = 2;
  int64_t image_dim = 0;        // width of clip_feature; 0: no image branch
  int64_t image_positions = 0;  // tokens of its position table; 0: none

  // What a variant (known_variants.h) adds to the family; all of it is empty
  // for the family's own models.
  std::string variant = {};  // its name
  std::vector<ModelInput> extra_inputs = {};
  // What the embeddings make of them for all blocks, and the tensors that they
  // make it with, by full name.
  std::vector<SplitTensor> extra_split = {};
  std::map<std::string, Shape> extra_embeddings = {};
  std::vector<ExtraModule> extra_modules = {};  // ascending by after_block

  [[nodiscard]] int64_t head_dim() const { return dim / heads; }

  [[nodiscard]] const LatentGrid& latents() const {
    return LatentGridOf(out_channels);
  }

  // Channels of y, which is concatenated to the latents; 0: no y.
  [[nodiscard]] int64_t condition_channels() const {
    return in_channels - out_channels;
  }

  // Whether y is a given first frame: its latents and a mask with a channel for
  // each of the frames that a latent frame is made of.
  [[nodiscard]] bool takes_first_frame() const {
    return out_channels == kWan21Latents.channels &&
           condition_channels() == kTemporalStride + out_channels;
  }

  [[nodiscard]] bool has_image_branch() const { return image_dim > 0; }

  // Whether a clean first frame may be given, whose tokens have timestep 0.
  [[nodiscard]] bool has_frame_timesteps() const {
    return latents().has_frame_timesteps;
  }

  // Latent cells of a token.
  [[nodiscard]] int64_t patch_volume() const {
    return patch_frames * patch_rows * patch_columns;
  }

  // Pixels of a token: the multiples that a clip's height and width must be.
  [[nodiscard]] int64_t height_unit() const {
    return patch_rows * latents().spatial_stride;
  }

  [[nodiscard]] int64_t width_unit() const {
    return patch_columns * latents().spatial_stride;
  }

  // Tokens that cross attention sees of one sample: text, and one picture's.
  [[nodiscard]] int64_t context_tokens() const {
    return kTextTokens + (has_image_branch() ? kImageTokens : 0);
  }

  // "T2V", "I2V (20 condition channels)", ..., for messages and logs.
  [[nodiscard]] std::string Description() const;

  friend bool operator==(const ModelSpec&, const ModelSpec&) = default;
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

// Every model of the family has these three. The tokens change from block to
// block; the others are the same for all of them, so that they cross once.
inline constexpr absl::string_view kSplitTokens = "x";
inline constexpr absl::string_view kSplitContext = "context";
inline constexpr absl::string_view kSplitModulation = "t_mod";

// In the order in which they are sent: x (B, L, D) with a gradient; context
// (B, Li + Lt, D), image tokens first; t_mod (B, G, 6, D) float32; a variant's
// own.
[[nodiscard]] std::vector<SplitTensor> SplitTensorsOf(const ModelSpec& model);

// Rows of a block's modulation: shift, scale and gate of two sublayers.
inline constexpr int64_t kModulationRows = 6;

// How many parameters a block has, as plans count them.
struct BlockParameters {
  int64_t matrices = 0;
  int64_t rest = 0;  // biases, norms, modulation
  // Of a variant's modules, spread evenly over the blocks.
  int64_t extra_matrices = 0;
  int64_t extra_rest = 0;

  friend bool operator==(const BlockParameters&,
                         const BlockParameters&) = default;
};

[[nodiscard]] BlockParameters BlockParametersOf(const ModelSpec& model);

// What a micro-batch consists of: latents, timestep, context, and what this
// model takes beside them.
[[nodiscard]] std::vector<ModelInput> InputsOf(const ModelSpec& model);

// Every tensor of the model by native name, with its shape.
[[nodiscard]] std::map<std::string, Shape> WanTensors(const ModelSpec& model);

// The linear layers of one block, relative to it ("self_attn.q"), in the fixed
// order that LoRA adapters are listed in.
[[nodiscard]] std::vector<std::string> BlockLinears(const ModelSpec& model);

// The linear layers of a block and of the modules that follow it, by full name.
[[nodiscard]] std::vector<std::string> LinearsOfBlock(const ModelSpec& model,
                                                      int64_t block);

// The block that a tensor or layer ("blocks.3.ffn.0", "probe.1.proj") belongs
// to or follows; none: it is outside the blocks.
[[nodiscard]] std::optional<int64_t> BlockOf(const ModelSpec& model,
                                             absl::string_view name);

// The linear layers outside the blocks.
[[nodiscard]] std::vector<std::string> OuterLinears(const ModelSpec& model);

}  // namespace halfpipe

#endif  // HP_COMMON_MODEL_MODEL_SPEC_H_
