#include "decode/heif_picture.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

constexpr int64_t kMaxBytes = int64_t{1} << 30;

absl::Status Check(const heif_error& error, absl::string_view what) {
  if (error.code == heif_error_Ok) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("is a HEIF or AVIF picture that ", what,
                   " (truncated?): ", error.message));
}

}  // namespace

absl::StatusOr<std::unique_ptr<FrameSource>> HeifPicture::Open(
    const InputFile& file) {
  HP_ASSIGN_OR_RETURN(std::string bytes, file.ReadAll(kMaxBytes));
  std::unique_ptr<HeifPicture> picture(new HeifPicture(std::move(bytes)));
  HP_RETURN_IF_ERROR(picture->ReadHeaders());
  return picture;
}

HeifPicture::~HeifPicture() {
  av_frame_free(&frame_);
  heif_image_release(image_);
  heif_image_handle_release(handle_);
  heif_context_free(context_);
}

absl::Status HeifPicture::ReadHeaders() {
  context_ = heif_context_alloc();
  frame_ = av_frame_alloc();
  if (context_ == nullptr || frame_ == nullptr) {
    return absl::InvalidArgumentError(
        "needs more memory than the decoder may use");
  }
  heif_context_set_max_decoding_threads(context_, 0);  // it is confined
  HP_RETURN_IF_ERROR(Check(heif_context_read_from_memory_without_copy(
                               context_, bytes_.data(), bytes_.size(), nullptr),
                           "cannot be read"));
  HP_RETURN_IF_ERROR(
      Check(heif_context_get_primary_image_handle(context_, &handle_),
            "has no primary picture"));
  HP_RETURN_IF_ERROR(CheckSourceSize({heif_image_handle_get_width(handle_),
                                      heif_image_handle_get_height(handle_)}));
  has_alpha_ = heif_image_handle_has_alpha_channel(handle_) != 0;
  traits_.kind = MediumKind::kPicture;
  traits_.is_heif = true;
  traits_.frames = 1;
  if (heif_image_handle_is_premultiplied_alpha(handle_) != 0) {
    traits_.alpha = AlphaKind::kPremultiplied;
  }
  heif_color_profile_nclx* colours = nullptr;
  if (heif_image_handle_get_nclx_color_profile(handle_, &colours).code ==
      heif_error_Ok) {
    transfer_ = static_cast<AVColorTransferCharacteristic>(
        colours->transfer_characteristics);
    primaries_ = static_cast<AVColorPrimaries>(colours->color_primaries);
    heif_nclx_color_profile_free(colours);
  }
  return absl::OkStatus();
}

absl::Status HeifPicture::Decode() {
  const bool is_hdr =
      transfer_ == AVCOL_TRC_SMPTE2084 || transfer_ == AVCOL_TRC_ARIB_STD_B67;
  const bool deep =
      is_hdr && heif_image_handle_get_luma_bits_per_pixel(handle_) > 8;
  heif_decoding_options* options = heif_decoding_options_alloc();
  if (options == nullptr) {
    return absl::InvalidArgumentError(
        "needs more memory than the decoder may use");
  }
  options->convert_hdr_to_8bit = deep ? 0 : 1;
  const heif_chroma chroma =
      deep ? (has_alpha_ ? heif_chroma_interleaved_RRGGBBAA_LE
                         : heif_chroma_interleaved_RRGGBB_LE)
           : (has_alpha_ ? heif_chroma_interleaved_RGBA
                         : heif_chroma_interleaved_RGB);
  const heif_error error =
      heif_decode_image(handle_, &image_, heif_colorspace_RGB, chroma, options);
  heif_decoding_options_free(options);
  return Check(error, "cannot be decoded");
}

// libheif's samples fill the low bits; AVFrame's fill all 16.
absl::Status HeifPicture::WrapDeep(const uint8_t* pixels, int stride) {
  frame_->format = has_alpha_ ? AV_PIX_FMT_RGBA64LE : AV_PIX_FMT_RGB48LE;
  if (av_frame_get_buffer(frame_, 0) < 0) {
    return absl::InvalidArgumentError(
        "needs more memory than the decoder may use");
  }
  const int depth =
      heif_image_get_bits_per_pixel_range(image_, heif_channel_interleaved);
  const uint32_t top = (1U << depth) - 1;
  const size_t samples = size_t{has_alpha_ ? 4U : 3U} * frame_->width;
  for (int y = 0; y < frame_->height; ++y) {
    const uint8_t* in = pixels + ptrdiff_t{y} * stride;
    uint8_t* out = frame_->data[0] + ptrdiff_t{y} * frame_->linesize[0];
    for (size_t i = 0; i < samples; ++i) {
      uint16_t value;
      std::memcpy(&value, in + 2 * i, sizeof(value));
      value = static_cast<uint16_t>(value * 65535U / top);
      std::memcpy(out + 2 * i, &value, sizeof(value));
    }
  }
  frame_->color_trc = transfer_;
  frame_->color_primaries = primaries_;
  frame_->colorspace = AVCOL_SPC_RGB;
  frame_->color_range = AVCOL_RANGE_JPEG;
  return absl::OkStatus();
}

absl::Status HeifPicture::Wrap() {
  const int width = heif_image_get_width(image_, heif_channel_interleaved);
  const int height = heif_image_get_height(image_, heif_channel_interleaved);
  HP_RETURN_IF_ERROR(CheckSourceSize({width, height}));
  int stride = 0;
  uint8_t* pixels =
      heif_image_get_plane(image_, heif_channel_interleaved, &stride);
  if (pixels == nullptr) {
    return absl::InvalidArgumentError("has no pixels");
  }
  frame_->width = width;
  frame_->height = height;
  if (heif_image_get_bits_per_pixel_range(image_, heif_channel_interleaved) >
      8) {
    return WrapDeep(pixels, stride);
  }
  frame_->format = has_alpha_ ? AV_PIX_FMT_RGBA : AV_PIX_FMT_RGB24;
  frame_->data[0] = pixels;
  frame_->linesize[0] = stride;
  // An HDR transfer with 8 bits is still not what its numbers look like.
  frame_->color_trc = transfer_;
  frame_->color_primaries = primaries_;
  return absl::OkStatus();
}

absl::StatusOr<const AVFrame*> HeifPicture::Next() {
  if (std::exchange(is_done_, true)) return nullptr;
  HP_RETURN_IF_ERROR(Decode());
  HP_RETURN_IF_ERROR(Wrap());
  return frame_;
}

}  // namespace halfpipe
