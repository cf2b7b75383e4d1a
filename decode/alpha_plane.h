// Transparency: taken from a frame of any pixel format, and composed on one
// colour.
#ifndef HP_DECODE_ALPHA_PLANE_H_
#define HP_DECODE_ALPHA_PLANE_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "decode/frame_source.h"

extern "C" {
#include <libavutil/frame.h>
}

namespace halfpipe {

// Whether a frame of this AVPixelFormat can have pixels that are not opaque.
[[nodiscard]] bool HasAlpha(int pixel_format);

class AlphaPlane {
 public:
  explicit AlphaPlane(AlphaKind kind) : kind_(kind) {}

  // Takes the frame's alpha over. InvalidArgument where its format is none
  // that alpha can be read from (floating point).
  [[nodiscard]] absl::Status Read(const AVFrame& frame);

  // Of the last frame: a pixel is not opaque.
  [[nodiscard]] bool is_transparent() const { return is_transparent_; }

  // `rgb` (height, width, 3), of the last frame's size, over `background`
  // (0xRRGGBB). To the nearest integer, as Pillow's alpha_composite.
  void ComposeOn(uint32_t background, uint8_t* rgb) const;

 private:
  void ReadPalette(const AVFrame& frame);
  void ReadComponent(const AVFrame& frame);

  const AlphaKind kind_;
  bool is_transparent_ = false;
  uint32_t opaque_ = 255;  // the largest value of `values_`
  std::vector<uint16_t> values_;
};

}  // namespace halfpipe

#endif  // HP_DECODE_ALPHA_PLANE_H_
