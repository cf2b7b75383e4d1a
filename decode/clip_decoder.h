// The frames of one file, in order, as libavcodec gives them.
#ifndef HP_DECODE_CLIP_DECODER_H_
#define HP_DECODE_CLIP_DECODER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "decode/input_file.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
}

namespace halfpipe {

// A demuxer and a decoder on one thread. Every error is InvalidArgument: what
// is wrong with the file, without its name.
class ClipDecoder {
 public:
  // Reads the container's header and opens the best video stream's decoder.
  // `file` must outlive the result.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<ClipDecoder>> Open(
      InputFile& file);
  ~ClipDecoder();

  // The next frame, valid until the next call; nullptr after the last. A
  // frame with errors is an error: a model must not learn from garbage.
  [[nodiscard]] absl::StatusOr<const AVFrame*> Next();

  // The stream's display matrix (row by row, 3x3), or nullptr: how a phone
  // says that a picture is turned.
  [[nodiscard]] const int32_t* display_matrix() const;

 private:
  ClipDecoder() = default;
  [[nodiscard]] absl::Status OpenContainer(InputFile& file);
  [[nodiscard]] absl::Status OpenCodec();
  // Whether the container's index points past the end of the file.
  [[nodiscard]] absl::Status CheckComplete(int64_t file_bytes) const;
  // Gives the decoder one more packet, or tells it that there are none.
  [[nodiscard]] absl::Status Feed();

  AVFormatContext* container_ = nullptr;
  AVCodecContext* codec_ = nullptr;
  AVPacket* packet_ = nullptr;
  AVFrame* frame_ = nullptr;
  int stream_ = -1;
  int64_t frames_ = 0;  // that were returned
};

}  // namespace halfpipe

#endif  // HP_DECODE_CLIP_DECODER_H_
