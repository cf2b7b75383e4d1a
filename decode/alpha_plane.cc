#include "decode/alpha_plane.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

extern "C" {
#include <libavutil/pixdesc.h>
}

namespace halfpipe {
namespace {

constexpr int kColours = 3;

const AVPixFmtDescriptor* DescriptorOf(int pixel_format) {
  return av_pix_fmt_desc_get(static_cast<AVPixelFormat>(pixel_format));
}

}  // namespace

bool HasAlpha(int pixel_format) {
  const AVPixFmtDescriptor* format = DescriptorOf(pixel_format);
  return pixel_format == AV_PIX_FMT_PAL8 ||
         (format != nullptr && (format->flags & AV_PIX_FMT_FLAG_ALPHA) != 0);
}

// Entries are 0xAARRGGBB in the byte order of the machine.
void AlphaPlane::ReadPalette(const AVFrame& frame) {
  constexpr size_t kEntries = 256;
  uint32_t palette[kEntries];
  std::memcpy(palette, frame.data[1], sizeof(palette));
  opaque_ = 255;
  auto out = values_.begin();
  for (int y = 0; y < frame.height; ++y) {
    const uint8_t* row = frame.data[0] + ptrdiff_t{y} * frame.linesize[0];
    for (int x = 0; x < frame.width; ++x) {
      *out++ = static_cast<uint16_t>(palette[row[x]] >> 24);
    }
  }
}

void AlphaPlane::ReadComponent(const AVFrame& frame) {
  const AVPixFmtDescriptor* format = DescriptorOf(frame.format);
  const int component = format->nb_components - 1;  // alpha is the last
  opaque_ = (1U << format->comp[component].depth) - 1;
  const uint8_t* planes[4] = {frame.data[0], frame.data[1], frame.data[2],
                              frame.data[3]};
  for (int y = 0; y < frame.height; ++y) {
    av_read_image_line2(&values_[static_cast<size_t>(y) * frame.width], planes,
                        frame.linesize, format, 0, y, component, frame.width,
                        /*read_pal_component=*/0, sizeof(uint16_t));
  }
}

absl::Status AlphaPlane::Read(const AVFrame& frame) {
  is_transparent_ = false;
  if (kind_ == AlphaKind::kFilling || !HasAlpha(frame.format)) {
    return absl::OkStatus();
  }
  const AVPixFmtDescriptor* format = DescriptorOf(frame.format);
  if ((format->flags & AV_PIX_FMT_FLAG_FLOAT) != 0) {
    return absl::InvalidArgumentError(
        "has transparency in floating point, which cannot be read; save it "
        "with 8 or 16 bits a channel");
  }
  values_.resize(static_cast<size_t>(frame.width) * frame.height);
  frame.format == AV_PIX_FMT_PAL8 ? ReadPalette(frame) : ReadComponent(frame);
  is_transparent_ = std::any_of(values_.begin(), values_.end(),
                                [this](uint16_t v) { return v < opaque_; });
  if (kind_ == AlphaKind::kUnlessAllZero) {
    is_transparent_ =
        is_transparent_ && std::any_of(values_.begin(), values_.end(),
                                       [](uint16_t v) { return v > 0; });
  }
  return absl::OkStatus();
}

void AlphaPlane::ComposeOn(uint32_t background, uint8_t* rgb) const {
  const uint64_t under[kColours] = {background >> 16 & 0xFF,
                                    background >> 8 & 0xFF, background & 0xFF};
  const uint64_t half = opaque_ / 2;
  for (uint16_t value : values_) {
    const uint64_t alpha = std::min<uint64_t>(value, opaque_);
    const uint64_t weight =
        kind_ == AlphaKind::kPremultiplied ? opaque_ : alpha;
    for (int c = 0; c < kColours; ++c) {
      const uint64_t sum = *rgb * weight + under[c] * (opaque_ - alpha);
      *rgb++ =
          static_cast<uint8_t>(std::min<uint64_t>((sum + half) / opaque_, 255));
    }
  }
}

}  // namespace halfpipe
