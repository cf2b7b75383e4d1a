#include "common/data/media_path.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"

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

// In the order of a message: clips, then pictures.
constexpr absl::string_view kMediaExtensions[] = {
    "mp4",  "avi",  "mov",  "wmv",  "mkv",  "flv",  "webm", "gif",  "m4v",
    "mpg",  "mpeg", "ts",   "mts",  "m2ts", "m2v",  "3gp",  "3g2",  "ogv",
    "ogg",  "vob",  "rm",   "rmvb", "asf",  "f4v",  "mxf",  "divx", "y4m",
    "mpe",  "m1v",  "dv",   "jpg",  "jpeg", "png",  "webp", "bmp",  "tif",
    "tiff", "avif", "heic", "heif", "jfif", "jpe",  "jp2",  "jxl",  "apng",
    "svg",  "psd",  "exr",  "hdr",  "tga",  "dng",  "raw",  "cr2",  "nef",
    "ico",  "ppm",  "pgm",  "qoi",  "dds",  "jxr",  "j2k",  "hif",  "avifs",
    "cr3",  "arw",  "orf",  "rw2",  "raf",  "h264", "h265", "hevc", "mjpeg",
    "mjpg", "ivf",  "wtv",  "nut",  "qt",   "f4p",  "heics"};

constexpr absl::string_view kArchiveExtensions[] = {
    "zip", "tar", "gz", "tgz", "bz2", "xz", "zst", "7z", "rar", "parquet"};

constexpr absl::string_view kDocumentation[] = {
    "readme",    "license",  "licence",      "copying",   "notice",
    "changelog", "changes",  "authors",      "credits",   "contributing",
    "install",   "todo",     "requirements", "info",      "about",
    "notes",     "note",     "description",  "citation",  "manifest",
    "index",     "filelist", "files",        "list",      "urls",
    "url",       "links",    "sources",      "source",    "attribution",
    "tags",      "labels",   "classes",      "trigger",   "template",
    "prompt",    "prompts",  "caption",      "captions",  "video",
    "videos",    "image",    "images",       "metadata",  "log",
    "train",     "val",      "test",         "validation"};

absl::string_view FileNameOf(absl::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == absl::string_view::npos ? path : path.substr(slash + 1);
}

// Where the extension's dot is; npos: nowhere. A name's first character is no
// such dot.
size_t DotOf(absl::string_view path) {
  const absl::string_view name = FileNameOf(path);
  const size_t dot = name.rfind('.');
  if (dot == absl::string_view::npos || dot == 0)
    return absl::string_view::npos;
  return path.size() - name.size() + dot;
}

bool IsOneOf(absl::string_view word,
             absl::Span<const absl::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
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

std::string ExtensionOf(absl::string_view path) {
  const size_t dot = DotOf(path);
  if (dot == absl::string_view::npos) return "";
  return absl::AsciiStrToLower(path.substr(dot + 1));
}

std::string WithoutExtension(absl::string_view path) {
  return std::string(path.substr(0, DotOf(path)));
}

bool IsNamedLikeMedia(absl::string_view path) {
  return MediaKindOf(path) != MediaKind::kOther ||
         IsOneOf(ExtensionOf(path), kMediaExtensions);
}

bool IsNamedLikeArchive(absl::string_view path) {
  return IsOneOf(ExtensionOf(path), kArchiveExtensions);
}

bool IsNamedLikeDocumentation(absl::string_view path) {
  const std::string name = absl::AsciiStrToLower(FileNameOf(path));
  const absl::string_view word =
      absl::string_view(name).substr(0, name.find_first_of("._- "));
  return IsOneOf(word, {"readme", "license", "licence", "copying"}) ||
         IsOneOf(WithoutExtension(name), kDocumentation);
}

bool IsLeftBySystem(absl::string_view name) {
  if (name.empty() || name[0] == '.') return true;
  return IsOneOf(absl::AsciiStrToLower(name),
                 {"__macosx", "@eadir", "thumbs.db", "desktop.ini",
                  "$recycle.bin", "lost+found", "system volume information"});
}

std::string KnownMediaKinds() {
  std::vector<absl::string_view> known;
  for (const absl::string_view extension : kMediaExtensions) {
    if (MediaKindOf(absl::StrCat("x.", extension)) != MediaKind::kOther) {
      known.push_back(extension);
    }
  }
  const absl::string_view last = known.back();
  known.pop_back();
  return absl::StrCat(absl::StrJoin(known, ", "), " or ", last);
}

}  // namespace halfpipe
