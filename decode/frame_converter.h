// From a decoder's frame (any pixel format) to upright RGB of the asked size.
#ifndef HP_DECODE_FRAME_CONVERTER_H_
#define HP_DECODE_FRAME_CONVERTER_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "common/data/crop_resize.h"
#include "common/data/decode_protocol.h"

extern "C" {
#include <libavutil/frame.h>
#include <libswscale/swscale.h>
}

namespace halfpipe {

// Quarter turns and mirrors, as a display matrix has them.
struct Orientation {
  bool swap_axes = false;
  bool flip_x = false;  // of the source, before the axes are swapped
  bool flip_y = false;

  // A matrix of any other angle counts as upright.
  [[nodiscard]] static Orientation Of(const int32_t* display_matrix);

  [[nodiscard]] bool upright() const {
    return !swap_axes && !flip_x && !flip_y;
  }
};

// `in` (height, width, 3) turned, as `out` of the turned size.
void Turn(const Orientation& orientation, FrameSize size, const uint8_t* in,
          uint8_t* out);

// Converts the frames of one clip. The colours are those of the ffmpeg
// program's default conversion to rgb24: the stream's matrix and range, BT.601
// where it says none.
class FrameConverter {
 public:
  FrameConverter(const DecodeItem& item, Orientation orientation)
      : item_(item), orientation_(orientation) {}

  FrameConverter(const FrameConverter&) = delete;
  FrameConverter& operator=(const FrameConverter&) = delete;
  ~FrameConverter();

  // Takes over the sizes of the clip's first frame. InvalidArgument when they
  // are out of bounds, or too small to make a frame of 16x16.
  [[nodiscard]] absl::Status Begin(const AVFrame& frame);

  // The frame's pixels at target() size, valid until the next call.
  // InvalidArgument when the size or format changes within the clip.
  [[nodiscard]] absl::Status Convert(const AVFrame& frame);

  [[nodiscard]] FrameSize source() const { return source_; }  // upright

  [[nodiscard]] FrameSize target() const { return target_; }

  [[nodiscard]] const std::vector<uint8_t>& pixels() const { return pixels_; }

 private:
  const DecodeItem item_;
  const Orientation orientation_;
  FrameSize coded_;   // as decoded
  FrameSize source_;  // turned upright
  FrameSize target_;
  int format_ = -1;
  SwsContext* scaler_ = nullptr;
  std::optional<CropResizer> resizer_;
  std::vector<uint8_t> rgb_;      // coded_, rows padded for the scaler
  std::vector<uint8_t> upright_;  // source_
  std::vector<uint8_t> pixels_;   // target_
};

}  // namespace halfpipe

#endif  // HP_DECODE_FRAME_CONVERTER_H_
