// The frames of one file, in order, as libavcodec gives them.
#ifndef HP_DECODE_CLIP_DECODER_H_
#define HP_DECODE_CLIP_DECODER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "decode/frame_source.h"
#include "decode/input_file.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
}

namespace halfpipe {

// A demuxer and a decoder.
class ClipDecoder : public FrameSource {
 public:
  // Reads the container's header and opens the best video stream's decoder.
  // `file` must outlive the result.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<FrameSource>> Open(
      InputFile& file);
  ~ClipDecoder() override;

  [[nodiscard]] absl::StatusOr<const AVFrame*> Next() override;

 private:
  ClipDecoder() = default;
  [[nodiscard]] absl::Status OpenContainer(InputFile& file);
  [[nodiscard]] absl::Status OpenCodec();
  // nullptr where this FFmpeg has none.
  [[nodiscard]] const AVCodec* FindCodec() const;
  [[nodiscard]] absl::Status ReadTraits(const InputFile& file);
  [[nodiscard]] absl::Status ReadPictureTraits(const InputFile& file);
  // The stream's display matrix (row by row, 3x3), or nullptr: how a phone
  // says that a clip is turned.
  [[nodiscard]] const int32_t* display_matrix() const;
  [[nodiscard]] absl::Status CheckOneTrack() const;
  // Whether the container's index points past the end of the file.
  [[nodiscard]] absl::Status CheckComplete(int64_t file_bytes) const;
  // How an error of the decoder begins.
  [[nodiscard]] std::string DamagedText() const;
  // Gives the decoder one more packet, or tells it that there are none.
  [[nodiscard]] absl::Status Feed();

  AVFormatContext* container_ = nullptr;
  AVCodecContext* codec_ = nullptr;
  AVPacket* packet_ = nullptr;
  AVFrame* frame_ = nullptr;
  // frame_, if it was decoded before Next was called.
  const AVFrame* ahead_ = nullptr;
  int stream_ = -1;
  // What the container says, which a codec that says nothing overwrites.
  AVColorTransferCharacteristic container_transfer_ = AVCOL_TRC_UNSPECIFIED;
  int64_t frames_ = 0;  // that were returned
};

}  // namespace halfpipe

#endif  // HP_DECODE_CLIP_DECODER_H_
