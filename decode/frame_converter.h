// From a decoder's frame (any pixel format) to upright RGB of the asked size.
#ifndef HP_DECODE_FRAME_CONVERTER_H_
#define HP_DECODE_FRAME_CONVERTER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "common/data/crop_resize.h"
#include "common/data/decode_protocol.h"
#include "decode/alpha_plane.h"
#include "decode/frame_source.h"
#include "decode/orientation.h"
#include "decode/tone_mapper.h"

extern "C" {
#include <libavutil/frame.h>
#include <libswscale/swscale.h>
}

namespace halfpipe {

// Converts the frames of one clip. The colours are those of the ffmpeg
// program's default conversion to rgb24: the stream's matrix and range, BT.601
// where it says none; HDR is tone-mapped before. What is transparent shows the
// item's background.
class FrameConverter {
 public:
  FrameConverter(const DecodeItem& item, const SourceTraits& traits)
      : item_(item),
        orientation_(traits.orientation),
        pixel_aspect_(traits.pixel_aspect),
        alpha_(traits.alpha) {}

  FrameConverter(const FrameConverter&) = delete;
  FrameConverter& operator=(const FrameConverter&) = delete;
  ~FrameConverter();

  // Takes over the sizes of the clip's first frame. InvalidArgument when they
  // are out of bounds, or too small to make a frame of 16x16.
  [[nodiscard]] absl::Status Begin(const AVFrame& frame);

  // The frame's pixels at target() size, valid until the next call.
  // InvalidArgument when the size or format changes within the clip.
  [[nodiscard]] absl::Status Convert(const AVFrame& frame);

  // Convert without its pixels: the same errors, and the same facts.
  [[nodiscard]] absl::Status Check(const AVFrame& frame);

  // Of the frames so far: the first that is not all opaque, or -1.
  [[nodiscard]] int64_t first_transparent_frame() const {
    return first_transparent_frame_;
  }

  [[nodiscard]] bool is_hdr() const { return tone_mapper_ != nullptr; }

  // Upright, of square pixels.
  [[nodiscard]] FrameSize source() const { return source_; }

  [[nodiscard]] FrameSize target() const { return target_; }

  [[nodiscard]] const std::vector<uint8_t>& pixels() const { return pixels_; }

 private:
  // `frame` as RGB of coded_ size, in rgb_.
  [[nodiscard]] absl::Status ToRgb(const AVFrame& frame);

  const DecodeItem item_;
  const Orientation orientation_;
  const double pixel_aspect_;
  AlphaPlane alpha_;
  std::unique_ptr<ToneMapper> tone_mapper_;  // null: not HDR
  int64_t frames_ = 0;                       // that were seen
  int64_t first_transparent_frame_ = -1;
  FrameSize coded_;   // as decoded
  FrameSize source_;  // as shown
  FrameSize target_;
  int format_ = -1;
  SwsContext* scaler_ = nullptr;
  std::optional<CropResizer> resizer_;
  std::vector<uint8_t> rgb_;      // coded_, rows padded for the scaler
  std::vector<uint8_t> upright_;  // coded_, turned
  std::vector<uint8_t> pixels_;   // target_
};

}  // namespace halfpipe

#endif  // HP_DECODE_FRAME_CONVERTER_H_
