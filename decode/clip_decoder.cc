#include "decode/clip_decoder.h"

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/data/decode_protocol.h"

extern "C" {
#include <libavutil/error.h>
}

namespace halfpipe {
namespace {

// Containers of the file names that a data set may have. Formats that name
// further files (playlists, concat scripts) are not among them.
constexpr char kContainers[] =
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,asf,flv,gif,png_pipe,"
    "jpeg_pipe,webp_pipe,bmp_pipe,image2";

absl::Status Problem(absl::string_view what, int error) {
  if (error == AVERROR(ENOMEM)) {
    return absl::InvalidArgumentError(
        "needs more memory than the decoder may use");
  }
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(error, text, sizeof(text));
  return absl::InvalidArgumentError(absl::StrCat(what, ": ", text));
}

}  // namespace

absl::StatusOr<std::unique_ptr<ClipDecoder>> ClipDecoder::Open(
    InputFile& file) {
  std::unique_ptr<ClipDecoder> decoder(new ClipDecoder);
  HP_RETURN_IF_ERROR(decoder->OpenContainer(file));
  HP_RETURN_IF_ERROR(decoder->CheckComplete(file.size_bytes()));
  HP_RETURN_IF_ERROR(decoder->OpenCodec());
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
  error = avformat_find_stream_info(container_, nullptr);
  if (error < 0) return Problem("its streams cannot be read", error);
  stream_ =
      av_find_best_stream(container_, AVMEDIA_TYPE_VIDEO, -1, -1, nullptr, 0);
  if (stream_ < 0) {
    return absl::InvalidArgumentError("has no video stream, or is truncated");
  }
  for (unsigned i = 0; i < container_->nb_streams; ++i) {
    if (static_cast<int>(i) == stream_) continue;
    container_->streams[i]->discard = AVDISCARD_ALL;
  }
  return absl::OkStatus();
}

absl::Status ClipDecoder::CheckComplete(int64_t file_bytes) const {
  AVStream* stream = container_->streams[stream_];
  int64_t end = 0;
  for (int i = 0; i < avformat_index_get_entries_count(stream); ++i) {
    const AVIndexEntry* entry = avformat_index_get_entry(stream, i);
    end = std::max(end, entry->pos + entry->size);
  }
  if (end <= file_bytes) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("is truncated: it has ", file_bytes,
                   " bytes and its index goes to byte ", end));
}

absl::Status ClipDecoder::OpenCodec() {
  const AVCodecParameters* parameters = container_->streams[stream_]->codecpar;
  const AVCodec* codec = avcodec_find_decoder(parameters->codec_id);
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
  codec_->max_pixels = int64_t{kMaxSourceSide} * kMaxSourceSide / 4;
  error = avcodec_open2(codec_, codec, nullptr);
  if (error < 0) return Problem("cannot be decoded", error);
  return absl::OkStatus();
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
    if (error < 0) {
      return Problem(absl::StrCat("is damaged after frame ", frames_), error);
    }
    if (ours) return absl::OkStatus();
  }
}

absl::StatusOr<const AVFrame*> ClipDecoder::Next() {
  while (true) {
    int error = avcodec_receive_frame(codec_, frame_);
    if (error == AVERROR_EOF) return nullptr;
    if (error == AVERROR(EAGAIN)) {
      HP_RETURN_IF_ERROR(Feed());
      continue;
    }
    if (error < 0) {
      return Problem(absl::StrCat("is damaged after frame ", frames_), error);
    }
    constexpr int kDamage =
        FF_DECODE_ERROR_INVALID_BITSTREAM | FF_DECODE_ERROR_CONCEALMENT_ACTIVE;
    if ((frame_->flags & AV_FRAME_FLAG_CORRUPT) ||
        (frame_->decode_error_flags & kDamage)) {
      return absl::InvalidArgumentError(
          absl::StrCat("frame ", frames_, " is damaged"));
    }
    ++frames_;
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
