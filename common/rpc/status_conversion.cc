#include "common/rpc/status_conversion.h"

#include "absl/strings/str_cat.h"

namespace halfpipe {
namespace {

// The length of the UTF-8 character at the start of `text`, 0 when there is
// none.
size_t CharacterBytes(absl::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  size_t bytes = 0;
  if (first < 0x80) {
    bytes = 1;
  } else if (first >= 0xc2 && first < 0xe0) {
    bytes = 2;
  } else if (first >= 0xe0 && first < 0xf0) {
    bytes = 3;
  } else if (first >= 0xf0 && first < 0xf5) {
    bytes = 4;
  }
  if (bytes > text.size()) return 0;
  for (size_t i = 1; i < bytes; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) return 0;
  }
  return bytes;
}

}  // namespace

std::string CutMessage(absl::string_view text, size_t max_bytes) {
  constexpr absl::string_view kEllipsis = "...";
  std::string clean;
  while (!text.empty()) {
    const size_t bytes = CharacterBytes(text);
    const absl::string_view character =
        bytes == 0 ? absl::string_view("?") : text.substr(0, bytes);
    const bool last = text.size() == (bytes == 0 ? 1 : bytes);
    const size_t room = last ? max_bytes : max_bytes - kEllipsis.size();
    if (clean.size() + character.size() > room) {
      // Something that fits whole is never cut for the ellipsis' sake.
      if (clean.size() + text.size() > max_bytes) {
        return absl::StrCat(clean, kEllipsis);
      }
    }
    absl::StrAppend(&clean, character);
    text.remove_prefix(bytes == 0 ? 1 : bytes);
  }
  return clean;
}

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return grpc::Status(static_cast<grpc::StatusCode>(status.raw_code()),
                      CutMessage(status.message(), kMaxStatusMessageBytes));
}

absl::Status FromGrpcStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  return MakeStatus(static_cast<int>(status.error_code()),
                    status.error_message());
}

absl::Status MakeStatus(int code, absl::string_view message) {
  constexpr int kLastCode =
      static_cast<int>(absl::StatusCode::kUnauthenticated);
  if (code == 0) return absl::OkStatus();
  if (code < 0 || code > kLastCode) {
    return absl::UnknownError(absl::StrCat("code ", code, ": ", message));
  }
  return absl::Status(static_cast<absl::StatusCode>(code), message);
}

}  // namespace halfpipe
