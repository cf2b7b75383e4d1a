// An animated WebP, which libwebpdemux puts together: FFmpeg reads stills only.
#ifndef HP_DECODE_WEBP_ANIMATION_H_
#define HP_DECODE_WEBP_ANIMATION_H_

#include <webp/demux.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "decode/frame_source.h"

namespace halfpipe {

// Frames are the whole canvas in RGBA, as a viewer shows it, before any
// background.
class WebpAnimation : public FrameSource {
 public:
  // Reads the file into memory.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<FrameSource>> Open(
      const InputFile& file);
  ~WebpAnimation() override;

  [[nodiscard]] absl::StatusOr<const AVFrame*> Next() override;

 private:
  explicit WebpAnimation(std::string bytes) : bytes_(std::move(bytes)) {}

  [[nodiscard]] absl::Status Begin();

  const std::string bytes_;  // decoder_ reads in it
  WebPAnimDecoder* decoder_ = nullptr;
  WebPAnimInfo info_ = {};
  AVFrame* frame_ = nullptr;
  int64_t frames_ = 0;  // that were returned
};

}  // namespace halfpipe

#endif  // HP_DECODE_WEBP_ANIMATION_H_
