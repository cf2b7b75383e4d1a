#include "common/data/media_path.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace halfpipe {
namespace {

namespace fs = std::filesystem;

// Bytes of the character that starts with `lead`; 0 if none does.
size_t Utf8Length(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead < 0xE0) return 2;
  if (lead >= 0xE0 && lead < 0xF0) return 3;
  if (lead >= 0xF0 && lead < 0xF5) return 4;
  return 0;
}

}  // namespace

MediaKind MediaKindOf(absl::string_view path) {
  size_t dot = path.rfind('.');
  if (dot == absl::string_view::npos) return MediaKind::kOther;
  std::string extension = absl::AsciiStrToLower(path.substr(dot + 1));
  for (absl::string_view image : {"jpg", "jpeg", "png", "webp", "bmp", "avif",
                                  "heic", "heif", "tif", "tiff"}) {
    if (extension == image) return MediaKind::kImage;
  }
  for (absl::string_view video :
       {"mp4", "m4v", "avi", "mov", "wmv", "mkv", "flv", "webm", "ts", "mts",
        "mpg", "mpeg", "gif", "apng"}) {
    if (extension == video) return MediaKind::kVideo;
  }
  return MediaKind::kOther;
}

absl::StatusOr<std::string> PathInRoot(const std::string& root,
                                       absl::string_view written) {
  if (absl::StrContains(written, "://")) {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", written, "' is a URL; download it into the data folder"));
  }
  fs::path base = fs::path(root).lexically_normal();
  fs::path joined =
      (base / std::string(written.data(), written.size())).lexically_normal();
  fs::path inside = joined.lexically_relative(base);
  if (inside.empty() || *inside.begin() == "..") {
    return absl::InvalidArgumentError(
        absl::StrCat("'", written, "' is outside the data folder ", root));
  }
  return joined.string();
}

bool IsUtf8(absl::string_view text) {
  for (size_t i = 0; i < text.size();) {
    auto lead = static_cast<unsigned char>(text[i]);
    size_t length = Utf8Length(lead);
    if (length == 0 || i + length > text.size()) return false;
    for (size_t j = 1; j < length; ++j) {
      if ((static_cast<unsigned char>(text[i + j]) & 0xC0) != 0x80) {
        return false;
      }
    }
    auto second = length > 1 ? static_cast<unsigned char>(text[i + 1]) : 0;
    bool overlong =
        (lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90);
    bool beyond = (lead == 0xED && second >= 0xA0) ||  // surrogates
                  (lead == 0xF4 && second >= 0x90);
    if (overlong || beyond) return false;
    i += length;
  }
  return true;
}

std::string ComposedForm(absl::string_view text) {
  std::string unchanged(text);
  if (std::all_of(text.begin(), text.end(), absl::ascii_isascii)) {
    return unchanged;
  }
  utf8proc_uint8_t* mapped = nullptr;
  const utf8proc_ssize_t size = utf8proc_map(
      reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
      static_cast<utf8proc_ssize_t>(text.size()), &mapped,
      static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(
      mapped, &std::free);
  if (size < 0) return unchanged;
  return {reinterpret_cast<const char*>(mapped), static_cast<size_t>(size)};
}

}  // namespace halfpipe
