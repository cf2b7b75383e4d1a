#include "decode/session.h"

#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/data/decode_protocol.h"
#include "decode/confinement.h"
#include "decode/frame_converter.h"
#include "decode/frame_source.h"
#include "decode/heif_picture.h"
#include "decode/input_file.h"

namespace halfpipe {
namespace {

absl::Status WriteAll(int fd, const void* data, size_t size) {
  const char* cursor = static_cast<const char*>(data);
  while (size > 0) {
    ssize_t wrote = write(fd, cursor, size);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return absl::UnavailableError("the parent does not read");
    cursor += wrote;
    size -= static_cast<size_t>(wrote);
  }
  return absl::OkStatus();
}

absl::Status WriteAll(int fd, const std::string& bytes) {
  return WriteAll(fd, bytes.data(), bytes.size());
}

absl::Status ReadAll(int fd, std::string* out) {
  size_t done = 0;
  while (done < out->size()) {
    ssize_t got = read(fd, out->data() + done, out->size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return absl::InvalidArgumentError("the request ends early");
    done += static_cast<size_t>(got);
  }
  return absl::OkStatus();
}

absl::StatusOr<DecodeRequest> ReadRequest(int fd) {
  std::string bytes(kDecodeHeaderBytes, '\0');
  HP_RETURN_IF_ERROR(ReadAll(fd, &bytes));
  HP_ASSIGN_OR_RETURN(DecodeHeader header, ParseHeader(bytes));
  if (header.type != DecodeMessage::kRequest ||
      header.payload_bytes > kMaxRequestBytes) {
    return absl::InvalidArgumentError("expected a request");
  }
  std::string payload(header.payload_bytes, '\0');
  HP_RETURN_IF_ERROR(ReadAll(fd, &payload));
  return ParseRequest(payload);
}

// The answer to one item. A problem of the file, as opposed to one of the run,
// is kept in file_problem().
class ItemAnswer {
 public:
  ItemAnswer(const DecodeItem& item, uint32_t number, int output_fd)
      : item_(item), number_(number), fd_(output_fd) {}

  // Sends all that the item's mode asks for, as far as the file is good. The
  // returned status is what is wrong with the run.
  absl::Status Send(InputFile& file) {
    absl::StatusOr<std::unique_ptr<FrameSource>> source = OpenFrameSource(file);
    if (!source.ok()) return Refuse(source.status());
    const SourceTraits& traits = (*source)->traits();
    FrameConverter converter(item_, traits);
    facts_.is_turned = !traits.orientation.upright();
    facts_.is_heif = traits.is_heif;
    facts_.is_anamorphic = traits.pixel_aspect != 1.0;
    facts_.is_interlaced = traits.is_interlaced;
    facts_.frames_per_second = traits.frames_per_second;
    facts_.is_picture = traits.kind == MediumKind::kPicture;
    HP_RETURN_IF_ERROR(ReadFrames(**source, converter));
    if (!file_problem_.ok()) return absl::OkStatus();
    if (frames_ == 0) {
      return Refuse(absl::InvalidArgumentError("has no frames"));
    }
    FinishFacts(traits, converter);
    HP_RETURN_IF_ERROR(
        WriteAll(fd_, EncodeFacts({.item = number_, .facts = facts_})));
    return WriteAll(fd_, EncodeEnd({.item = number_, .frames = frames_}));
  }

  absl::Status SendError(const absl::Status& problem) {
    absl::string_view text = problem.message();
    return WriteAll(
        fd_, EncodeError({.item = number_,
                          .message = std::string(text.data(), text.size())}));
  }

  [[nodiscard]] const absl::Status& file_problem() const {
    return file_problem_;
  }

 private:
  absl::Status Refuse(const absl::Status& problem) {
    file_problem_ = problem;
    return absl::OkStatus();
  }

  absl::Status ReadFrames(FrameSource& source, FrameConverter& converter) {
    const MediumKind kind = source.traits().kind;
    const uint32_t wanted = kind == MediumKind::kPicture ? 1 : item_.frames;
    while (frames_ < wanted && !is_settled_) {
      absl::StatusOr<const AVFrame*> frame = source.Next();
      // What a probe is asked lies before the damage.
      if (!frame.ok() && frames_ > 0 && IsProbe()) return absl::OkStatus();
      if (!frame.ok()) return Refuse(frame.status());
      if (*frame == nullptr) break;
      HP_RETURN_IF_ERROR(TakeFrame(**frame, kind, converter));
      if (!file_problem_.ok()) return absl::OkStatus();
    }
    if (kind == MediumKind::kAnimation && frames_ == 1) {
      // Damage after the only frame that is wanted is no picture's end.
      absl::StatusOr<const AVFrame*> second = source.Next();
      facts_.is_picture = second.ok() && *second == nullptr;
    }
    return absl::OkStatus();
  }

  absl::Status TakeFrame(const AVFrame& frame, MediumKind kind,
                         FrameConverter& converter) {
    if (frames_ == 0) {
      if (kind == MediumKind::kClip && frame.interlaced_frame != 0) {
        facts_.is_interlaced = true;
      }
      file_problem_ = converter.Begin(frame);
      if (!file_problem_.ok()) return absl::OkStatus();
      if (item_.mode == DecodeMode::kPixels) {
        HP_RETURN_IF_ERROR(SendClip(converter));
      }
    }
    if (item_.mode != DecodeMode::kPixels) {
      file_problem_ = converter.Check(frame);
    } else {
      file_problem_ = converter.Convert(frame);
      if (file_problem_.ok()) HP_RETURN_IF_ERROR(SendFrame(converter));
    }
    if (!file_problem_.ok()) return absl::OkStatus();
    ++frames_;
    const bool may_turn_transparent =
        HasAlpha(frame.format) && converter.first_transparent_frame() < 0;
    is_settled_ = IsProbe() && !may_turn_transparent &&
                  (kind != MediumKind::kAnimation || frames_ > 1);
    return absl::OkStatus();
  }

  void FinishFacts(const SourceTraits& traits,
                   const FrameConverter& converter) {
    facts_.size = converter.source();
    facts_.is_hdr = converter.is_hdr();
    facts_.first_transparent_frame = converter.first_transparent_frame();
    facts_.frames = frames_;
    if (IsProbe() && !facts_.is_picture) facts_.frames = traits.frames;
    if (facts_.is_picture) facts_.frames_per_second = 0.0;
  }

  [[nodiscard]] bool IsProbe() const {
    return item_.mode == DecodeMode::kProbe;
  }

  absl::Status SendClip(const FrameConverter& converter) {
    return WriteAll(fd_, EncodeClip({.item = number_,
                                     .source = converter.source(),
                                     .target = converter.target()}));
  }

  absl::Status SendFrame(const FrameConverter& converter) {
    const std::vector<uint8_t>& pixels = converter.pixels();
    HP_RETURN_IF_ERROR(
        WriteAll(fd_, EncodeFrameHeader(number_, pixels.size())));
    return WriteAll(fd_, pixels.data(), pixels.size());
  }

  const DecodeItem& item_;
  const uint32_t number_;
  const int fd_;
  absl::Status file_problem_;
  MediaFacts facts_;
  uint32_t frames_ = 0;      // that were read
  bool is_settled_ = false;  // a probe knows all that it is asked
};

}  // namespace

absl::Status RunSession(int input_fd, int output_fd) {
  HP_ASSIGN_OR_RETURN(DecodeRequest request, ReadRequest(input_fd));
  std::vector<absl::StatusOr<InputFile>> files;
  for (const DecodeItem& item : request.items) {
    files.push_back(InputFile::Open(item.path));
  }
  HP_RETURN_IF_ERROR(InstallHeifCodec());
  HP_RETURN_IF_ERROR(Confine({.memory_bytes = request.memory_bytes,
                              .cpu_seconds = request.cpu_seconds}));
  for (uint32_t i = 0; i < files.size(); ++i) {
    ItemAnswer answer(request.items[i], i, output_fd);
    absl::Status problem = files[i].status();
    if (problem.ok()) {
      HP_RETURN_IF_ERROR(answer.Send(*files[i]));
      problem = answer.file_problem();
    }
    if (!problem.ok()) HP_RETURN_IF_ERROR(answer.SendError(problem));
  }
  return absl::OkStatus();
}

}  // namespace halfpipe
