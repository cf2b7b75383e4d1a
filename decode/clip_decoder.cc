#include "decode/clip_decoder.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/data/decode_protocol.h"
#include "decode/alpha_plane.h"
#include "decode/picture_tags.h"

extern "C" {
#include <libavutil/dovi_meta.h>
#include <libavutil/error.h>
}

namespace halfpipe {
namespace {

// Containers of the file names that a data set may have. Formats that name
// further files (playlists, concat scripts) are not among them.
constexpr char kContainers[] =
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,asf,flv,mpegts,mpeg,"
    "mpegvideo,m4v,gif,apng,png_pipe,jpeg_pipe,webp_pipe,bmp_pipe,tiff_pipe,"
    "image2";

absl::Status Problem(absl::string_view what, int error) {
  if (error == AVERROR(ENOMEM)) {
    return absl::InvalidArgumentError(
        "needs more memory than the decoder may use");
  }
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(error, text, sizeof(text));
  return absl::InvalidArgumentError(absl::StrCat(what, ": ", text));
}

constexpr double kMaxRate = 1000.0;  // frames a second

MediumKind KindOf(absl::string_view container) {
  if (container == "gif" || container == "apng") return MediumKind::kAnimation;
  const bool is_picture =
      absl::EndsWith(container, "_pipe") || container == "image2";
  return is_picture ? MediumKind::kPicture : MediumKind::kClip;
}

// Dolby Vision's profile 5 has no picture for other players in it: its colours
// come out purple and green.
bool IsDolbyVisionOnly(const AVStream* stream) {
  constexpr int kOwnColours = 5;
  const uint8_t* data =
      av_stream_get_side_data(stream, AV_PKT_DATA_DOVI_CONF, nullptr);
  return data != nullptr &&
         reinterpret_cast<const AVDOVIDecoderConfigurationRecord*>(data)
                 ->dv_profile == kOwnColours;
}

}  // namespace

absl::StatusOr<std::unique_ptr<FrameSource>> ClipDecoder::Open(
    InputFile& file) {
  std::unique_ptr<ClipDecoder> decoder(new ClipDecoder);
  HP_RETURN_IF_ERROR(decoder->OpenContainer(file));
  HP_RETURN_IF_ERROR(decoder->CheckOneTrack());
  HP_RETURN_IF_ERROR(decoder->CheckComplete(file.size_bytes()));
  HP_RETURN_IF_ERROR(decoder->OpenCodec());
  HP_RETURN_IF_ERROR(decoder->ReadTraits(file));
  return decoder;
}

ClipDecoder::~ClipDecoder() {
  av_frame_free(&frame_);
  av_packet_free(&packet_);
  avcodec_free_context(&codec_);
  avformat_close_input(&container_);
}

absl::Status ClipDecoder::OpenContainer(InputFile& file) {
  container_ = avformat_alloc_context();
  packet_ = av_packet_alloc();
  frame_ = av_frame_alloc();
  AVIOContext* context = file.MakeContext();
  if (!container_ || !packet_ || !frame_ || !context) {
    return Problem("cannot be opened", AVERROR(ENOMEM));
  }
  container_->pb = context;
  AVDictionary* options = nullptr;
  av_dict_set(&options, "format_whitelist", kContainers, 0);
  // On failure this frees container_ and sets it to nullptr.
  int error = avformat_open_input(&container_, nullptr, nullptr, &options);
  av_dict_free(&options);
  if (error < 0) {
    return Problem("is not a video or image that can be read (truncated?)",
                   error);
  }
  std::vector<AVColorTransferCharacteristic> transfers;
  for (unsigned i = 0; i < container_->nb_streams; ++i) {
    transfers.push_back(container_->streams[i]->codecpar->color_trc);
  }
  error = avformat_find_stream_info(container_, nullptr);
  if (error < 0) return Problem("its streams cannot be read", error);
  stream_ =
      av_find_best_stream(container_, AVMEDIA_TYPE_VIDEO, -1, -1, nullptr, 0);
  if (stream_ < 0) {
    return absl::InvalidArgumentError("has no video stream, or is truncated");
  }
  if (static_cast<size_t>(stream_) < transfers.size()) {
    container_transfer_ = transfers[static_cast<size_t>(stream_)];
  }
  for (unsigned i = 0; i < container_->nb_streams; ++i) {
    if (static_cast<int>(i) == stream_) continue;
    container_->streams[i]->discard = AVDISCARD_ALL;
  }
  return absl::OkStatus();
}

// An AVIF or HEIF sequence has its transparency in a second track, which no
// FFmpeg puts together with the first.
absl::Status ClipDecoder::CheckOneTrack() const {
  const AVDictionaryEntry* brand =
      av_dict_get(container_->metadata, "major_brand", nullptr, 0);
  if (brand == nullptr) return absl::OkStatus();
  const absl::string_view name = brand->value;
  if (name != "avis" && name != "msf1" && name != "hevc") {
    return absl::OkStatus();
  }
  int tracks = 0;
  for (unsigned i = 0; i < container_->nb_streams; ++i) {
    const AVMediaType type = container_->streams[i]->codecpar->codec_type;
    if (type == AVMEDIA_TYPE_VIDEO) ++tracks;
  }
  if (tracks < 2) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "is an animated AVIF or HEIF with transparency, which cannot be read; "
      "convert it to WebP or WebM");
}

absl::Status ClipDecoder::CheckComplete(int64_t file_bytes) const {
  AVStream* stream = container_->streams[stream_];
  int64_t end = 0;
  for (int i = 0; i < avformat_index_get_entries_count(stream); ++i) {
    const AVIndexEntry* entry = avformat_index_get_entry(stream, i);
    const int64_t size = entry->size;
    const int64_t last = std::numeric_limits<int64_t>::max() - size;
    end = std::max(end, std::min(entry->pos, last) + size);
  }
  if (end <= file_bytes) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("is truncated: it has ", file_bytes,
                   " bytes and its index goes to byte ", end));
}

// FFmpeg's own decoders of VP8 and VP9 pass over the second picture that holds
// the transparency; libvpx's read it.
const AVCodec* ClipDecoder::FindCodec() const {
  const AVStream* stream = container_->streams[stream_];
  const AVCodecID id = stream->codecpar->codec_id;
  const AVDictionaryEntry* alpha =
      av_dict_get(stream->metadata, "alpha_mode", nullptr, 0);
  if (alpha != nullptr && absl::string_view(alpha->value) == "1") {
    if (id == AV_CODEC_ID_VP8) return avcodec_find_decoder_by_name("libvpx");
    if (id == AV_CODEC_ID_VP9)
      return avcodec_find_decoder_by_name("libvpx-vp9");
  }
  return avcodec_find_decoder(id);
}

absl::Status ClipDecoder::ReadPictureTraits(const InputFile& file) {
  const PictureTags tags = ReadPictureTags(file);
  traits_.orientation = Orientation::OfTag(tags.orientation);
  traits_.alpha = tags.alpha;
  traits_.frames = 1;
  if (container_->iformat->name != absl::string_view("png_pipe")) {
    return absl::OkStatus();
  }
  // The texts of a PNG may be packed; FFmpeg hands them on with the frame.
  HP_ASSIGN_OR_RETURN(ahead_, Next());
  if (ahead_ == nullptr) return absl::OkStatus();
  if (tags.has_transparent_colour && !HasAlpha(ahead_->format)) {
    return absl::InvalidArgumentError(
        "has a transparent colour, which cannot be read with 1 bit a pixel; "
        "save it with 8 bits a channel");
  }
  if (tags.has_exif_orientation) return absl::OkStatus();
  for (const char* name : {"Raw profile type exif", "Raw profile type APP1"}) {
    const AVDictionaryEntry* text =
        av_dict_get(ahead_->metadata, name, nullptr, 0);
    if (text == nullptr) continue;
    const std::optional<int> tag = OrientationOfRawProfile(text->value);
    if (!tag.has_value()) continue;
    traits_.orientation = Orientation::OfTag(*tag);
    break;
  }
  return absl::OkStatus();
}

absl::Status ClipDecoder::ReadTraits(const InputFile& file) {
  const AVStream* stream = container_->streams[stream_];
  const AVCodecID codec = stream->codecpar->codec_id;
  const absl::string_view container = container_->iformat->name;
  traits_.kind = KindOf(container);
  if (traits_.kind == MediumKind::kPicture) return ReadPictureTraits(file);
  traits_.frames = stream->nb_frames;
  traits_.orientation = Orientation::Of(display_matrix());
  if (container == "apng") {
    const PictureTags tags = ReadPictureTags(file);
    traits_.orientation = Orientation::OfTag(tags.orientation);
    traits_.frames = tags.frames;
  }
  // The fourth byte of AVI's plain pixels is filling as a rule.
  if (container == "avi" && codec == AV_CODEC_ID_RAWVIDEO) {
    traits_.alpha = AlphaKind::kUnlessAllZero;
  }
  for (AVRational rate : {stream->r_frame_rate, stream->avg_frame_rate}) {
    if (rate.num <= 0 || rate.den <= 0) continue;
    // More is a clock's tick.
    if (av_q2d(rate) <= kMaxRate) traits_.frames_per_second = av_q2d(rate);
  }
  return absl::OkStatus();
}

absl::Status ClipDecoder::OpenCodec() {
  const AVCodecParameters* parameters = container_->streams[stream_]->codecpar;
  if (IsDolbyVisionOnly(container_->streams[stream_])) {
    return absl::InvalidArgumentError(
        "is Dolby Vision profile 5, whose colours cannot be read; convert it "
        "to SDR");
  }
  const AVCodec* codec = FindCodec();
  if (codec == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("has the codec ", avcodec_get_name(parameters->codec_id),
                     ", for which there is no decoder"));
  }
  codec_ = avcodec_alloc_context3(codec);
  if (codec_ == nullptr) return Problem("cannot be decoded", AVERROR(ENOMEM));
  int error = avcodec_parameters_to_context(codec_, parameters);
  if (error < 0) return Problem("has strange parameters", error);
  codec_->thread_count = 1;  // a confined process has no threads
  codec_->max_pixels = kMaxSourcePixels;
  // What is missing of a photograph would be grey without a word.
  if (container_->iformat->name == absl::string_view("jpeg_pipe")) {
    codec_->err_recognition |= AV_EF_EXPLODE;
  }
  error = avcodec_open2(codec_, codec, nullptr);
  if (error < 0) return Problem("cannot be decoded", error);
  return absl::OkStatus();
}

std::string ClipDecoder::DamagedText() const {
  return traits_.kind == MediumKind::kPicture
             ? "is truncated or damaged"
             : absl::StrCat("is damaged after frame ", frames_);
}

absl::Status ClipDecoder::Feed() {
  while (true) {
    int error = av_read_frame(container_, packet_);
    if (error == AVERROR_EOF) {
      error = avcodec_send_packet(codec_, nullptr);
      return error < 0 ? Problem("cannot be decoded", error) : absl::OkStatus();
    }
    if (error < 0) {
      return Problem(absl::StrCat("cannot be read after frame ", frames_),
                     error);
    }
    bool ours = packet_->stream_index == stream_;
    bool corrupt = packet_->flags & AV_PKT_FLAG_CORRUPT;
    error = ours && !corrupt ? avcodec_send_packet(codec_, packet_) : 0;
    av_packet_unref(packet_);
    if (ours && corrupt) {
      return absl::InvalidArgumentError(
          absl::StrCat("is truncated or damaged after frame ", frames_));
    }
    if (error < 0) return Problem(DamagedText(), error);
    if (ours) return absl::OkStatus();
  }
}

absl::StatusOr<const AVFrame*> ClipDecoder::Next() {
  if (ahead_ != nullptr) return std::exchange(ahead_, nullptr);
  while (true) {
    int error = avcodec_receive_frame(codec_, frame_);
    if (error == AVERROR_EOF) {
      // FFmpeg passes over an animation's frame that is not all there.
      if (traits_.kind == MediumKind::kAnimation && frames_ < traits_.frames) {
        return absl::InvalidArgumentError(absl::StrCat(
            "is truncated after frame ", frames_, " of ", traits_.frames));
      }
      return nullptr;
    }
    if (error == AVERROR(EAGAIN)) {
      HP_RETURN_IF_ERROR(Feed());
      continue;
    }
    if (error < 0) return Problem(DamagedText(), error);
    constexpr int kDamage =
        FF_DECODE_ERROR_INVALID_BITSTREAM | FF_DECODE_ERROR_CONCEALMENT_ACTIVE;
    if ((frame_->flags & AV_FRAME_FLAG_CORRUPT) ||
        (frame_->decode_error_flags & kDamage)) {
      return absl::InvalidArgumentError(
          absl::StrCat("frame ", frames_, " is damaged"));
    }
    ++frames_;
    if (frame_->color_trc == AVCOL_TRC_UNSPECIFIED) {
      frame_->color_trc = container_transfer_;
    }
    return frame_;
  }
}

const int32_t* ClipDecoder::display_matrix() const {
  size_t bytes = 0;
  const uint8_t* data = av_stream_get_side_data(
      container_->streams[stream_], AV_PKT_DATA_DISPLAYMATRIX, &bytes);
  if (data == nullptr || bytes < 9 * sizeof(int32_t)) return nullptr;
  return reinterpret_cast<const int32_t*>(data);
}

}  // namespace halfpipe
