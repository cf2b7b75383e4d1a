#include "decode/frame_converter.h"

#include <cstdlib>
#include <cstring>

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

// A display matrix (a b u; c d v; x y w) sends (x, y) to (ax + cy, bx + dy), in
// units of 2^-16.
Orientation Orientation::Of(const int32_t* display_matrix) {
  if (display_matrix == nullptr) return {};
  constexpr int32_t kOne = 1 << 16;
  auto is_one = [](int32_t v) { return std::abs(std::abs(v) - kOne) < 1024; };
  auto is_zero = [](int32_t v) { return std::abs(v) < 1024; };
  int32_t a = display_matrix[0], b = display_matrix[1];
  int32_t c = display_matrix[3], d = display_matrix[4];
  if (is_one(a) && is_one(d) && is_zero(b) && is_zero(c)) {
    return {.swap_axes = false, .flip_x = a < 0, .flip_y = d < 0};
  }
  if (is_one(b) && is_one(c) && is_zero(a) && is_zero(d)) {
    return {.swap_axes = true, .flip_x = b < 0, .flip_y = c < 0};
  }
  return {};
}

void Turn(const Orientation& orientation, FrameSize size, const uint8_t* in,
          uint8_t* out) {
  const int out_width = orientation.swap_axes ? size.height : size.width;
  for (int y = 0; y < size.height; ++y) {
    int v = orientation.flip_y ? size.height - 1 - y : y;
    for (int x = 0; x < size.width; ++x) {
      int u = orientation.flip_x ? size.width - 1 - x : x;
      size_t place = orientation.swap_axes
                         ? static_cast<size_t>(u) * out_width + v
                         : static_cast<size_t>(v) * out_width + u;
      std::memcpy(out + place * kChannels, in, kChannels);
      in += kChannels;
    }
  }
}

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
  scaler_ = MakeScaler(frame);
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

absl::Status FrameConverter::Convert(const AVFrame& frame) {
  if (frame.width != coded_.width || frame.height != coded_.height ||
      frame.format != format_) {
    return absl::InvalidArgumentError(absl::StrCat(
        "its size or pixel format changes from ", SizeText(coded_), " to ",
        SizeText({frame.width, frame.height}), " within the clip"));
  }
  uint8_t* planes[4] = {rgb_.data(), nullptr, nullptr, nullptr};
  int strides[4] = {kChannels * coded_.width, 0, 0, 0};
  int rows = sws_scale(scaler_, frame.data, frame.linesize, 0, frame.height,
                       planes, strides);
  if (rows != coded_.height) {
    return absl::InvalidArgumentError("a frame cannot be converted to RGB");
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
