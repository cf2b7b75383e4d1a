#include "common/data/media_file.h"

#include <algorithm>
#include <filesystem>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/data/media_path.h"

namespace halfpipe {
namespace {

namespace fs = std::filesystem;

std::string Text(absl::string_view view) {
  return std::string(view.data(), view.size());
}

// "C:\..." and "\\server\...".
bool IsOfWindows(absl::string_view written) {
  const bool drive = written.size() > 2 && absl::ascii_isalpha(written[0]) &&
                     written[1] == ':' &&
                     (written[2] == '\\' || written[2] == '/');
  return drive || absl::StartsWith(written, "\\\\");
}

absl::StatusOr<std::string> Resolved(const std::string& root,
                                     const std::string& written) {
  if (fs::path(written).is_absolute()) {
    return fs::path(written).lexically_normal().string();
  }
  return PathInRoot(root, written);
}

bool IsFile(const std::string& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

// `file` relative to `root`, where it lies in a folder below it; else "".
std::string FolderBelow(const std::string& root, const std::string& file) {
  const fs::path folder =
      fs::path(file).lexically_normal().parent_path().lexically_relative(
          fs::path(root).lexically_normal());
  const bool is_below =
      !folder.empty() && *folder.begin() != ".." && *folder.begin() != ".";
  return is_below ? folder.string() : "";
}

// What to try, in this order.
std::vector<std::string> Readings(const std::string& written) {
  std::vector<std::string> readings = {written};
  const std::string trimmed(absl::StripAsciiWhitespace(written));
  if (trimmed != written) readings.push_back(trimmed);
  if (absl::StrContains(trimmed, '\\') && !IsOfWindows(trimmed)) {
    readings.push_back(absl::StrReplaceAll(trimmed, {{"\\", "/"}}));
  }
  return readings;
}

// What is wrong with the path as it is written, before any file is looked for.
std::string WrittenProblem(const std::string& written) {
  if (IsOfWindows(written)) {
    return absl::StrCat("'", written,
                        "' is a path of a Windows machine; write it relative "
                        "to the data folder, with '/'");
  }
  if (absl::StartsWith(written, "~")) {
    return absl::StrCat("'", written,
                        "' begins with '~', which is not expanded here; write "
                        "the whole path");
  }
  return "";
}

// Why `path`, which is there or not, is no file to read.
std::string FileProblem(const std::string& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    return absl::StrCat(path, " is a folder; expected a file");
  }
  if (fs::is_symlink(path, ignored) && !fs::exists(path, ignored)) {
    return absl::StrCat(path, " is a link to ",
                        fs::read_symlink(path, ignored).string(),
                        ", which does not exist");
  }
  if (fs::exists(path, ignored)) {
    return absl::StrCat(path, " is no regular file");
  }
  return absl::StrCat(path, " does not exist");
}

// The bytes of ASCII in `name`, in small letters.
std::string AsciiOf(absl::string_view name) {
  std::string ascii;
  for (const char c : name) {
    if (absl::ascii_isascii(static_cast<unsigned char>(c))) ascii += c;
  }
  return absl::AsciiStrToLower(ascii);
}

}  // namespace

MediaFinder::MediaFinder(std::string root, const std::string& rows_file)
    : root_(std::move(root)), rows_folder_(FolderBelow(root_, rows_file)) {}

MediaFinder::Places MediaFinder::PlacesOf(const std::string& written) const {
  Places places;
  for (const std::string& reading : Readings(written)) {
    const absl::StatusOr<std::string> path = Resolved(root_, reading);
    if (path.ok()) {
      places.below_root = *path;
      places.all.push_back(*path);
    } else {
      places.problem = Text(path.status().message());
    }
  }
  if (rows_folder_.empty()) return places;
  for (const std::string& reading : Readings(written)) {
    if (fs::path(reading).is_absolute()) continue;
    const auto path =
        PathInRoot(root_, absl::StrCat(rows_folder_, "/", reading));
    if (path.ok()) places.all.push_back(*path);
  }
  return places;
}

MediaFile MediaFinder::Find(const std::string& written) {
  const std::string trimmed(absl::StripAsciiWhitespace(written));
  if (!IsUtf8(written)) {
    return {.problem = absl::StrCat("'", written, "' is not UTF-8")};
  }
  // Systems take a path up to it.
  if (absl::StrContains(written, absl::string_view("\0", 1))) {
    return {.problem = absl::StrCat("'", written, "' holds a NUL character")};
  }
  const Places places = PlacesOf(written);
  for (const std::string& path : places.all) {
    if (IsFile(path) && MediaKindOf(path) != MediaKind::kOther) {
      return {.path = path, .problem = ""};
    }
  }
  for (const std::string& path : places.all) {
    const std::string other = Lookalike(path);
    if (!other.empty() && MediaKindOf(other) != MediaKind::kOther) {
      return {.path = other, .problem = ""};
    }
  }
  std::string as_written = WrittenProblem(trimmed);
  if (!as_written.empty()) return {.problem = std::move(as_written)};
  const std::string& last = places.below_root;
  if (last.empty()) return {.problem = places.problem};
  if (MediaKindOf(last) == MediaKind::kOther) {
    return {.problem = absl::StrCat("'", trimmed,
                                    "' is no known kind of media; expected ",
                                    KnownMediaKinds(), HintFor(last, trimmed))};
  }
  return {.problem = absl::StrCat(FileProblem(last), HintFor(last, trimmed)),
          .missing = true};
}

// The one file whose path looks like `path` and differs in its bytes; "" where
// there is none, or are several.
std::string MediaFinder::Lookalike(const std::string& path) {
  if (std::all_of(path.begin(), path.end(), absl::ascii_isascii)) return "";
  fs::path found;
  for (const fs::path& part : fs::path(path)) {
    std::error_code ignored;
    if (fs::exists(found / part, ignored)) {
      found /= part;
      continue;
    }
    const std::string form = ComposedForm(part.string());
    std::vector<std::string> same;
    for (const std::string& name : NamesIn(found.string())) {
      if (ComposedForm(name) == form) same.push_back(name);
    }
    if (same.size() != 1) return "";
    found /= same[0];
  }
  return IsFile(found.string()) ? found.string() : "";
}

std::string MediaFinder::HintFor(const std::string& path,
                                 const std::string& written) {
  if (hints_left_ == 0) return "";
  --hints_left_;
  const fs::path file(path);
  const std::string name = file.filename().string();
  // What else lies outside is not for everybody to know.
  const std::vector<std::string> beside =
      PathInRoot(root_, path).ok() ? NamesIn(file.parent_path().string())
                                   : std::vector<std::string>();
  for (const std::string& other : beside) {
    if (other == name) continue;
    if (!IsUtf8(other) && AsciiOf(other) == AsciiOf(name)) {
      return absl::StrCat(" (", other,
                          " is there, whose name is not UTF-8: rename it)");
    }
    if (MediaKindOf(other) == MediaKind::kOther) continue;
    if (absl::EqualsIgnoreCase(other, name) ||
        WithoutExtension(other) == WithoutExtension(name) ||
        WithoutExtension(other) == name) {
      return absl::StrCat(" (", other, " is there)");
    }
  }
  // Of another machine, or relative to another folder.
  std::string rest = absl::StrReplaceAll(written, {{"\\", "/"}});
  for (size_t slash = rest.find('/'); slash != std::string::npos;
       slash = rest.find('/')) {
    rest.erase(0, slash + 1);
    const absl::StatusOr<std::string> inside = Resolved(root_, rest);
    if (inside.ok() && *inside != path && IsFile(*inside)) {
      return absl::StrCat(" (", rest, " is in the data folder: write that)");
    }
  }
  return "";
}

const std::vector<std::string>& MediaFinder::NamesIn(
    const std::string& folder) {
  auto [it, is_new] = names_.try_emplace(folder);
  if (!is_new) return it->second;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    it->second.push_back(entry->path().filename().string());
  }
  std::sort(it->second.begin(), it->second.end());
  return it->second;
}

}  // namespace halfpipe
