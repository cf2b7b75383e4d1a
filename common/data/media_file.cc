#include "common/data/media_file.h"

#include <algorithm>
#include <filesystem>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/data/media_kinds.h"
#include "common/data/media_path.h"
#include "common/data/readable_text.h"

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

MediaFile MediaFinder::Find(const std::string& written) {
  const std::string trimmed(absl::StripAsciiWhitespace(written));
  if (!IsUtf8(written)) {
    return {.problem = absl::StrCat("'", written, "' is not UTF-8")};
  }
  // Systems take a path up to it.
  if (absl::StrContains(written, absl::string_view("\0", 1))) {
    return {.problem = absl::StrCat("'", written, "' holds a NUL character")};
  }
  std::string problem;
  std::string last;
  for (const std::string& reading : Readings(written)) {
    const absl::StatusOr<std::string> path = Resolved(root_, reading);
    if (!path.ok()) {
      problem = Text(path.status().message());
      continue;
    }
    last = *path;
    if (IsFile(last) && MediaKindOf(last) != MediaKind::kOther) {
      return {.path = last, .problem = ""};
    }
  }
  std::string as_written = WrittenProblem(trimmed);
  if (!as_written.empty()) return {.problem = std::move(as_written)};
  if (last.empty()) return {.problem = problem};
  if (MediaKindOf(last) == MediaKind::kOther) {
    return {.problem = absl::StrCat("'", trimmed,
                                    "' is no known kind of media; expected ",
                                    KnownMediaKinds(), HintFor(last))};
  }
  return {.problem = absl::StrCat(FileProblem(last), HintFor(last)),
          .missing = true};
}

std::string MediaFinder::HintFor(const std::string& path) {
  if (hints_left_ == 0) return "";
  --hints_left_;
  const fs::path file(path);
  const std::string name = file.filename().string();
  for (const std::string& other : NamesIn(file.parent_path().string())) {
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
