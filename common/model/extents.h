// Shapes as functions of a sample's sizes: what a model says of its inputs and
// of what crosses its split, before there is a sample. Free of libtorch.
#ifndef HP_COMMON_MODEL_EXTENTS_H_
#define HP_COMMON_MODEL_EXTENTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/dtype.h"

namespace halfpipe {

// The sizes of one micro-batch's inputs.
struct MicrobatchShape {
  int64_t batch = 1;
  int64_t frames = 0;  // latent cells, before patchify
  int64_t rows = 0;
  int64_t columns = 0;
  int64_t text_tokens = 0;
  int64_t image_tokens = 0;        // of clip_feature; 0 without an image branch
  bool first_frame_given = false;  // TI2V: frames have their own timesteps

  friend bool operator==(const MicrobatchShape&,
                         const MicrobatchShape&) = default;
};

// Tokens after patchify and how many groups of them share a modulation row.
struct TokenCounts {
  int64_t frames = 0;
  int64_t rows = 0;
  int64_t columns = 0;
  int64_t modulation_groups = 1;

  [[nodiscard]] int64_t tokens() const { return frames * rows * columns; }
};

// What one size of a tensor goes by.
enum class Axis : uint8_t {
  kFixed,             // nothing: it is the model's own
  kBatch,             // B
  kLatentFrames,      // T, H, W: latent cells
  kLatentRows,        //
  kLatentColumns,     //
  kTokens,            // L, of the video
  kTextTokens,        // Lt
  kImageTokens,       // Li
  kContextTokens,     // Li + Lt
  kModulationGroups,  // G
};

struct Extent {
  Axis axis = Axis::kFixed;
  int64_t size = 0;  // of kFixed

  friend bool operator==(const Extent&, const Extent&) = default;
};

using Extents = std::vector<Extent>;

[[nodiscard]] constexpr Extent Fixed(int64_t size) {
  return {Axis::kFixed, size};
}

// The shape in one micro-batch.
[[nodiscard]] Shape ShapeIn(const Extents& extents,
                            const MicrobatchShape& microbatch,
                            const TokenCounts& counts);

// "(B, L, 1536)".
[[nodiscard]] std::string ToText(const Extents& extents);

}  // namespace halfpipe

#endif  // HP_COMMON_MODEL_EXTENTS_H_
