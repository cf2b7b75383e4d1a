#include "decode/session.h"

#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/data/decode_protocol.h"
#include "decode/clip_decoder.h"
#include "decode/confinement.h"
#include "decode/frame_converter.h"
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

// A problem of the file, as opposed to one of the run.
class ItemAnswer {
 public:
  ItemAnswer(const DecodeItem& item, uint32_t number, int output_fd)
      : item_(item), number_(number), fd_(output_fd) {}

  // Sends the clip. `*file_problem` is what is wrong with the file; the
  // returned status is what is wrong with the run.
  absl::Status Send(InputFile& file, absl::Status* file_problem) {
    absl::StatusOr<std::unique_ptr<ClipDecoder>> decoder =
        ClipDecoder::Open(file);
    if (!decoder.ok()) {
      *file_problem = decoder.status();
      return absl::OkStatus();
    }
    // Pillow, which the reference opens images with, turns none.
    Orientation orientation =
        item_.is_image ? Orientation()
                       : Orientation::Of((*decoder)->display_matrix());
    FrameConverter converter(item_, orientation);
    uint32_t wanted = item_.is_image ? 1 : item_.frames;
    uint32_t sent = 0;
    for (; sent < wanted; ++sent) {
      absl::StatusOr<const AVFrame*> frame = (*decoder)->Next();
      if (frame.ok() && *frame == nullptr) break;
      *file_problem = frame.status();
      if (file_problem->ok() && sent == 0) {
        *file_problem = converter.Begin(**frame);
        if (file_problem->ok()) HP_RETURN_IF_ERROR(SendClip(converter));
      }
      if (file_problem->ok()) *file_problem = converter.Convert(**frame);
      if (!file_problem->ok()) return absl::OkStatus();
      HP_RETURN_IF_ERROR(SendFrame(converter));
    }
    if (sent == 0) {
      *file_problem = absl::InvalidArgumentError("has no frames");
      return absl::OkStatus();
    }
    return WriteAll(fd_, EncodeEnd({.item = number_, .frames = sent}));
  }

  absl::Status SendError(const absl::Status& problem) {
    absl::string_view text = problem.message();
    return WriteAll(
        fd_, EncodeError({.item = number_,
                          .message = std::string(text.data(), text.size())}));
  }

 private:
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
};

}  // namespace

absl::Status RunSession(int input_fd, int output_fd) {
  HP_ASSIGN_OR_RETURN(DecodeRequest request, ReadRequest(input_fd));
  std::vector<absl::StatusOr<InputFile>> files;
  for (const DecodeItem& item : request.items) {
    files.push_back(InputFile::Open(item.path));
  }
  HP_RETURN_IF_ERROR(Confine({.memory_bytes = request.memory_bytes,
                              .cpu_seconds = request.cpu_seconds}));
  for (uint32_t i = 0; i < files.size(); ++i) {
    ItemAnswer answer(request.items[i], i, output_fd);
    absl::Status problem = files[i].status();
    if (problem.ok()) {
      HP_RETURN_IF_ERROR(answer.Send(*files[i], &problem));
    }
    if (!problem.ok()) HP_RETURN_IF_ERROR(answer.SendError(problem));
  }
  return absl::OkStatus();
}

}  // namespace halfpipe
