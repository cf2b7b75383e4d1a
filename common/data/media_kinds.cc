#include "common/data/media_kinds.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"
#include "common/data/media_path.h"

namespace halfpipe {
namespace {

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
