#include "decode/frame_converter.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

constexpr int kChannels = 3;

std::string SizeText(FrameSize size) {
  return absl::StrCat(size.width, "x", size.height);
}

absl::Status CheckSize(FrameSize size) {
  bool good = size.width >= 1 && size.width <= kMaxSourceSide &&
              size.height >= 1 && size.height <= kMaxSourceSide;
  if (good) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("its frames are ", SizeText(size), "; at most ",
                   kMaxSourceSide, " pixels a side are read"));
}

SwsContext* MakeScaler(const AVFrame& frame) {
  auto format = static_cast<AVPixelFormat>(frame.format);
  // Only the pixel format changes; the size is CropResizer's work.
  SwsContext* scaler = sws_getContext(
      frame.width, frame.height, format, frame.width, frame.height,
      AV_PIX_FMT_RGB24, SWS_BICUBIC, nullptr, nullptr, nullptr);
  if (scaler == nullptr) return nullptr;
  int *inverse, *table;
  int source_range, target_range, brightness, contrast, saturation;
  if (sws_getColorspaceDetails(scaler, &inverse, &source_range, &table,
                               &target_range, &brightness, &contrast,
                               &saturation) >= 0) {
    if (frame.color_range != AVCOL_RANGE_UNSPECIFIED) {
      source_range = frame.color_range == AVCOL_RANGE_JPEG ? 1 : 0;
    }
    sws_setColorspaceDetails(scaler, sws_getCoefficients(frame.colorspace),
                             source_range, table, target_range, brightness,
                             contrast, saturation);
  }
  return scaler;
}

}  // namespace

FrameConverter::~FrameConverter() { sws_freeContext(scaler_); }

absl::Status FrameConverter::Begin(const AVFrame& frame) {
  coded_ = {frame.width, frame.height};
  HP_RETURN_IF_ERROR(CheckSize(coded_));
  format_ = frame.format;
  source_ = coded_;
  if (orientation_.swap_axes) std::swap(source_.width, source_.height);
  target_ = TargetSize(source_, item_.height, item_.width, item_.max_pixels);
  if (target_.width < 1 || target_.height < 1 ||
      target_.width > kMaxTargetSide || target_.height > kMaxTargetSide) {
    return absl::InvalidArgumentError(absl::StrCat(
        "its frames of ", SizeText(source_), " become ", SizeText(target_),
        ", which cannot be trained; set data.height and data.width"));
  }
  const AVFrame* shown = &frame;
  if (IsHdr(frame)) {
    HP_ASSIGN_OR_RETURN(tone_mapper_, ToneMapper::Create(frame));
    HP_ASSIGN_OR_RETURN(shown, tone_mapper_->Map(frame));
  }
  scaler_ = MakeScaler(*shown);
  if (scaler_ == nullptr) {
    return absl::InvalidArgumentError("its pixel format cannot be converted");
  }
  resizer_.emplace(source_, target_);
  // The scaler writes whole vectors: a row may run over its end.
  constexpr size_t kPadding = 64;
  size_t bytes = size_t{kChannels} * coded_.width * coded_.height;
  rgb_.resize(bytes + kPadding);
  if (!orientation_.upright()) upright_.resize(bytes);
  pixels_.resize(size_t{kChannels} * target_.width * target_.height);
  return absl::OkStatus();
}

absl::Status FrameConverter::Check(const AVFrame& frame) {
  if (frame.width != coded_.width || frame.height != coded_.height ||
      frame.format != format_) {
    return absl::InvalidArgumentError(absl::StrCat(
        "its size or pixel format changes from ", SizeText(coded_), " to ",
        SizeText({frame.width, frame.height}), " within the clip"));
  }
  if (IsHdr(frame) != is_hdr()) {
    return absl::InvalidArgumentError(
        "its colours change between SDR and HDR within the clip");
  }
  HP_RETURN_IF_ERROR(alpha_.Read(frame));
  if (alpha_.is_transparent()) {
    if (item_.refuse_transparency) {
      return absl::InvalidArgumentError(
          "has transparent pixels, and data.alpha is refuse; give data.alpha "
          "the colour that shall show through them, or remove them");
    }
    if (first_transparent_frame_ < 0) first_transparent_frame_ = frames_;
  }
  ++frames_;
  return absl::OkStatus();
}

absl::Status FrameConverter::ToRgb(const AVFrame& frame) {
  const AVFrame* shown = &frame;
  if (tone_mapper_ != nullptr) {
    HP_ASSIGN_OR_RETURN(shown, tone_mapper_->Map(frame));
  }
  uint8_t* planes[4] = {rgb_.data(), nullptr, nullptr, nullptr};
  int strides[4] = {kChannels * coded_.width, 0, 0, 0};
  int rows = sws_scale(scaler_, shown->data, shown->linesize, 0, shown->height,
                       planes, strides);
  if (rows == coded_.height) return absl::OkStatus();
  return absl::InvalidArgumentError("a frame cannot be converted to RGB");
}

absl::Status FrameConverter::Convert(const AVFrame& frame) {
  HP_RETURN_IF_ERROR(Check(frame));
  HP_RETURN_IF_ERROR(ToRgb(frame));
  if (alpha_.is_transparent()) {
    alpha_.ComposeOn(item_.background, rgb_.data());
  }
  const uint8_t* upright = rgb_.data();
  if (!orientation_.upright()) {
    Turn(orientation_, coded_, rgb_.data(), upright_.data());
    upright = upright_.data();
  }
  resizer_->Run(upright, pixels_.data());
  return absl::OkStatus();
}

}  // namespace halfpipe
