#include "decode/webp_animation.h"

#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/data/decode_protocol.h"
#include "decode/picture_tags.h"

namespace halfpipe {
namespace {

constexpr int64_t kMaxAnimationBytes = int64_t{1} << 30;

absl::Status Damaged() {
  return absl::InvalidArgumentError(
      "is an animated WebP that is truncated or damaged");
}

// The sum of what its frames last, in milliseconds.
int64_t DurationOf(const WebPDemuxer* demuxer) {
  WebPIterator frame;
  int64_t duration = 0;
  for (int more = WebPDemuxGetFrame(demuxer, 1, &frame); more != 0;
       more = WebPDemuxNextFrame(&frame)) {
    duration += frame.duration;
  }
  WebPDemuxReleaseIterator(&frame);
  return duration;
}

}  // namespace

absl::StatusOr<std::unique_ptr<FrameSource>> WebpAnimation::Open(
    const InputFile& file) {
  HP_ASSIGN_OR_RETURN(std::string bytes, file.ReadAll(kMaxAnimationBytes));
  std::unique_ptr<WebpAnimation> animation(new WebpAnimation(std::move(bytes)));
  HP_RETURN_IF_ERROR(animation->Begin());
  animation->traits_.orientation =
      Orientation::OfTag(ReadPictureTags(file).orientation);
  return animation;
}

WebpAnimation::~WebpAnimation() {
  av_frame_free(&frame_);
  WebPAnimDecoderDelete(decoder_);
}

absl::Status WebpAnimation::Begin() {
  const WebPData data = {reinterpret_cast<const uint8_t*>(bytes_.data()),
                         bytes_.size()};
  // The decoder makes its canvas at once: its size is looked at before.
  WebPDemuxer* demuxer = WebPDemux(&data);
  if (demuxer == nullptr) return Damaged();
  absl::Cleanup release = [demuxer] { WebPDemuxDelete(demuxer); };
  const uint32_t width = WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_WIDTH);
  const uint32_t height = WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_HEIGHT);
  if (width < 1 || width > kMaxSourceSide || height < 1 ||
      height > kMaxSourceSide || uint64_t{width} * height > kMaxSourcePixels) {
    return absl::InvalidArgumentError(absl::StrCat(
        "its frames are ", width, "x", height, ", which is too large to read"));
  }
  WebPAnimDecoderOptions options;
  if (WebPAnimDecoderOptionsInit(&options) == 0) return Damaged();
  options.color_mode = MODE_RGBA;
  options.use_threads = 0;  // a confined process has no threads
  decoder_ = WebPAnimDecoderNew(&data, &options);
  frame_ = av_frame_alloc();
  if (decoder_ == nullptr || frame_ == nullptr ||
      WebPAnimDecoderGetInfo(decoder_, &info_) == 0) {
    return Damaged();
  }
  const int64_t duration = DurationOf(demuxer);
  traits_.kind = MediumKind::kAnimation;
  traits_.frames = info_.frame_count;
  if (duration > 0 && info_.frame_count > 1) {
    traits_.frames_per_second =
        1000.0 * info_.frame_count / static_cast<double>(duration);
  }
  return absl::OkStatus();
}

absl::StatusOr<const AVFrame*> WebpAnimation::Next() {
  if (WebPAnimDecoderHasMoreFrames(decoder_) == 0) {
    // It stops early where the rest is damaged.
    if (frames_ < traits_.frames) return Damaged();
    return nullptr;
  }
  uint8_t* canvas = nullptr;
  int timestamp = 0;
  if (WebPAnimDecoderGetNext(decoder_, &canvas, &timestamp) == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("is damaged after frame ", frames_));
  }
  frame_->format = AV_PIX_FMT_RGBA;
  frame_->width = static_cast<int>(info_.canvas_width);
  frame_->height = static_cast<int>(info_.canvas_height);
  frame_->data[0] = canvas;
  frame_->linesize[0] = 4 * frame_->width;
  ++frames_;
  return frame_;
}

}  // namespace halfpipe
