#include <libheif/heif.h>
#include <libheif/heif_plugin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/data/decode_protocol.h"
#include "decode/heif_picture.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavutil/pixdesc.h>
}

namespace halfpipe {
namespace {

constexpr heif_error kDone = {heif_error_Ok, heif_suberror_Unspecified, ""};
constexpr heif_error kFailed = {heif_error_Decoder_plugin_error,
                                heif_suberror_Unspecified,
                                "the picture cannot be decoded"};

// One coded picture on its way from libheif to libavcodec.
struct CodedPicture {
  std::string bytes;
};

struct FreeCodec {
  void operator()(AVCodecContext* codec) const { avcodec_free_context(&codec); }
};

struct FreePacket {
  void operator()(AVPacket* packet) const { av_packet_free(&packet); }
};

struct FreeFrame {
  void operator()(AVFrame* frame) const { av_frame_free(&frame); }
};

using Frame = std::unique_ptr<AVFrame, FreeFrame>;

heif_error NewPicture(void** decoder) {
  *decoder = new CodedPicture;
  return kDone;
}

void FreePicture(void* decoder) { delete static_cast<CodedPicture*>(decoder); }

heif_error PushBytes(void* decoder, const void* data, size_t size) {
  static_cast<CodedPicture*>(decoder)->bytes.append(
      static_cast<const char*>(data), size);
  return kDone;
}

// HEVC comes as {length u32, unit} again and again; libavcodec takes units
// after start codes.
bool LengthsToStartCodes(std::string* bytes) {
  constexpr size_t kLengthBytes = 4;
  for (size_t at = 0; at < bytes->size();) {
    if (bytes->size() - at < kLengthBytes) return false;
    uint64_t length = 0;
    for (size_t i = 0; i < kLengthBytes; ++i) {
      length = length << 8 | static_cast<uint8_t>((*bytes)[at + i]);
    }
    if (length > bytes->size() - at - kLengthBytes) return false;
    std::memcpy(&(*bytes)[at], "\0\0\0\1", kLengthBytes);
    at += kLengthBytes + length;
  }
  return true;
}

// The first frame of `bytes`; null when there is none.
Frame Decode(AVCodecID id, const std::string& bytes) {
  const AVCodec* codec = avcodec_find_decoder(id);
  if (codec == nullptr) return nullptr;
  std::unique_ptr<AVCodecContext, FreeCodec> context(
      avcodec_alloc_context3(codec));
  std::unique_ptr<AVPacket, FreePacket> packet(av_packet_alloc());
  Frame frame(av_frame_alloc());
  if (!context || !packet || !frame ||
      av_new_packet(packet.get(), static_cast<int>(bytes.size())) < 0) {
    return nullptr;
  }
  std::memcpy(packet->data, bytes.data(), bytes.size());
  context->thread_count = 1;  // a confined process has no threads
  context->max_pixels = kMaxSourcePixels;
  context->err_recognition = AV_EF_EXPLODE;
  if (avcodec_open2(context.get(), codec, nullptr) < 0 ||
      avcodec_send_packet(context.get(), packet.get()) < 0 ||
      avcodec_send_packet(context.get(), nullptr) < 0 ||
      avcodec_receive_frame(context.get(), frame.get()) < 0) {
    return nullptr;
  }
  if ((frame->flags & AV_FRAME_FLAG_CORRUPT) != 0) return nullptr;
  return frame;
}

// Planes in libheif's terms: the chroma layout, or undefined for a format that
// pictures do not have.
heif_chroma ChromaOf(const AVPixFmtDescriptor& format) {
  if (format.nb_components == 1) return heif_chroma_monochrome;
  if (format.nb_components != 3) return heif_chroma_undefined;
  if (format.log2_chroma_w == 0) {
    return format.log2_chroma_h == 0 ? heif_chroma_444 : heif_chroma_undefined;
  }
  if (format.log2_chroma_w != 1) return heif_chroma_undefined;
  return format.log2_chroma_h == 0 ? heif_chroma_422 : heif_chroma_420;
}

// Whether every sample is a byte or a little-endian u16 of a plane of its own.
bool IsPlain(const AVPixFmtDescriptor& format) {
  constexpr uint64_t kStrange =
      AV_PIX_FMT_FLAG_BE | AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_BITSTREAM |
      AV_PIX_FMT_FLAG_HWACCEL | AV_PIX_FMT_FLAG_FLOAT | AV_PIX_FMT_FLAG_ALPHA;
  const int bytes = format.comp[0].depth > 8 ? 2 : 1;
  return (format.flags & kStrange) == 0 && format.comp[0].step == bytes &&
         format.comp[0].shift == 0;
}

// AV1 in RGB comes as planes G, B, R, which are where Y, Cb and Cr would be;
// the matrix says what they are.
bool CopyPlanes(const AVFrame& frame, const AVPixFmtDescriptor& format,
                heif_image* image) {
  constexpr heif_channel kChannels[] = {heif_channel_Y, heif_channel_Cb,
                                        heif_channel_Cr};
  const int depth = format.comp[0].depth;
  for (int i = 0; i < format.nb_components; ++i) {
    const int width = i == 0
                          ? frame.width
                          : AV_CEIL_RSHIFT(frame.width, format.log2_chroma_w);
    const int height = i == 0
                           ? frame.height
                           : AV_CEIL_RSHIFT(frame.height, format.log2_chroma_h);
    if (heif_image_add_plane(image, kChannels[i], width, height, depth).code !=
        heif_error_Ok) {
      return false;
    }
    int stride = 0;
    uint8_t* out = heif_image_get_plane(image, kChannels[i], &stride);
    if (out == nullptr) return false;
    const size_t row_bytes = static_cast<size_t>(width) * (depth > 8 ? 2 : 1);
    for (int y = 0; y < height; ++y) {
      std::memcpy(out + ptrdiff_t{y} * stride,
                  frame.data[i] + ptrdiff_t{y} * frame.linesize[i], row_bytes);
    }
  }
  return true;
}

// What the coded picture says of its colours; what the file says counts more.
void SetColours(const AVFrame& frame, heif_image* image) {
  heif_color_profile_nclx* colours = heif_nclx_color_profile_alloc();
  if (colours == nullptr) return;
  // Values that libheif does not know stay unspecified.
  (void)heif_nclx_color_profile_set_color_primaries(colours,
                                                    frame.color_primaries);
  (void)heif_nclx_color_profile_set_transfer_characteristics(colours,
                                                             frame.color_trc);
  (void)heif_nclx_color_profile_set_matrix_coefficients(colours,
                                                        frame.colorspace);
  colours->full_range_flag = frame.color_range == AVCOL_RANGE_JPEG ? 1 : 0;
  (void)heif_image_set_nclx_color_profile(image, colours);
  heif_nclx_color_profile_free(colours);
}

heif_error ToImage(const AVFrame* frame, heif_image** out) {
  if (frame == nullptr) return kFailed;
  const AVPixFmtDescriptor* format =
      av_pix_fmt_desc_get(static_cast<AVPixelFormat>(frame->format));
  if (format == nullptr || !IsPlain(*format)) return kFailed;
  const heif_chroma chroma = ChromaOf(*format);
  if (chroma == heif_chroma_undefined) return kFailed;
  const heif_colorspace space = chroma == heif_chroma_monochrome
                                    ? heif_colorspace_monochrome
                                    : heif_colorspace_YCbCr;
  heif_image* image = nullptr;
  heif_error error =
      heif_image_create(frame->width, frame->height, space, chroma, &image);
  if (error.code != heif_error_Ok) return error;
  if (!CopyPlanes(*frame, *format, image)) {
    heif_image_release(image);
    return kFailed;
  }
  SetColours(*frame, image);
  *out = image;
  return kDone;
}

heif_error DecodeHevc(void* decoder, heif_image** out) {
  std::string& bytes = static_cast<CodedPicture*>(decoder)->bytes;
  if (!LengthsToStartCodes(&bytes)) return kFailed;
  return ToImage(Decode(AV_CODEC_ID_HEVC, bytes).get(), out);
}

heif_error DecodeAv1(void* decoder, heif_image** out) {
  return ToImage(
      Decode(AV_CODEC_ID_AV1, static_cast<CodedPicture*>(decoder)->bytes).get(),
      out);
}

// More than libheif's own codecs, which say 100.
constexpr int kPriority = 1000;

heif_decoder_plugin PluginOf(int (*supports)(heif_compression_format),
                             heif_error (*decode)(void*, heif_image**)) {
  heif_decoder_plugin plugin = {};
  plugin.plugin_api_version = 1;
  plugin.get_plugin_name = [] { return "libavcodec"; };
  plugin.does_support_format = supports;
  plugin.new_decoder = &NewPicture;
  plugin.free_decoder = &FreePicture;
  plugin.push_data = &PushBytes;
  plugin.decode_image = decode;
  return plugin;
}

}  // namespace

absl::Status InstallHeifCodec() {
  static const heif_decoder_plugin hevc = PluginOf(
      [](heif_compression_format format) {
        return format == heif_compression_HEVC ? kPriority : 0;
      },
      &DecodeHevc);
  static const heif_decoder_plugin av1 = PluginOf(
      [](heif_compression_format format) {
        return format == heif_compression_AV1 ? kPriority : 0;
      },
      &DecodeAv1);
  for (heif_error error :
       {heif_init(nullptr), heif_register_decoder_plugin(&hevc),
        heif_register_decoder_plugin(&av1)}) {
    if (error.code == heif_error_Ok) continue;
    return absl::InternalError(
        absl::StrCat("libheif cannot be set up: ", error.message));
  }
  return absl::OkStatus();
}

}  // namespace halfpipe
