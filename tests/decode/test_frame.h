// Frames that tests make themselves.
#ifndef HP_TESTS_DECODE_TEST_FRAME_H_
#define HP_TESTS_DECODE_TEST_FRAME_H_

#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

extern "C" {
#include <libavutil/frame.h>
}

namespace halfpipe {

struct FreeTestFrame {
  void operator()(AVFrame* frame) const { av_frame_free(&frame); }
};

using TestFrame = std::unique_ptr<AVFrame, FreeTestFrame>;

inline TestFrame EmptyFrame(AVPixelFormat format, int width, int height) {
  TestFrame frame(av_frame_alloc());
  frame->format = format;
  frame->width = width;
  frame->height = height;
  av_frame_get_buffer(frame.get(), 0);
  return frame;
}

// `bytes`: rows of the first plane without padding.
inline TestFrame PackedFrame(AVPixelFormat format, int width, int height,
                             const std::vector<uint8_t>& bytes) {
  TestFrame frame = EmptyFrame(format, width, height);
  const size_t row = bytes.size() / static_cast<size_t>(height);
  for (int y = 0; y < height; ++y) {
    std::memcpy(frame->data[0] + y * frame->linesize[0],
                &bytes[static_cast<size_t>(y) * row], row);
  }
  return frame;
}

}  // namespace halfpipe

#endif  // HP_TESTS_DECODE_TEST_FRAME_H_
