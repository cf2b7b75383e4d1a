#include "common/data/media_folder.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/data/media_path.h"

namespace halfpipe {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxCaptionBytes = uint64_t{1} << 20;

// Files under `root` without hidden ones, ordered: directory order differs
// between machines, and the order decides which sample is which.
std::vector<std::string> FilesUnder(const std::string& root,
                                    std::vector<std::string>* problems) {
  std::vector<std::string> files;
  std::error_code error;
  fs::recursive_directory_iterator it(
      root, fs::directory_options::follow_directory_symlink, error);
  for (fs::recursive_directory_iterator end; !error && it != end;
       it.increment(error)) {
    std::string name = it->path().filename().string();
    std::error_code ignored;
    bool hidden = name[0] == '.';
    if (it->is_directory(ignored)) {
      if (hidden || it.depth() > 16) it.disable_recursion_pending();
    } else if (!hidden) {
      files.push_back(it->path().string());
    }
  }
  if (error) {
    problems->push_back(
        absl::StrCat(root, ": cannot be listed: ", error.message()));
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string CaptionPathOf(const std::string& media) {
  return fs::path(media).replace_extension(".txt").string();
}

std::string ReadCaption(const std::string& path,
                        std::vector<std::string>* problems) {
  absl::StatusOr<std::string> text = ReadFile(path, kMaxCaptionBytes);
  if (!text.ok()) {
    problems->push_back(
        absl::StrCat(path, ": ",
                     std::string(text.status().message().data(),
                                 text.status().message().size())));
    return "";
  }
  return CheckedPrompt(*text, path, problems);
}

}  // namespace

std::string CheckedPrompt(const std::string& text, const std::string& where,
                          std::vector<std::string>* problems) {
  std::string prompt(absl::StripAsciiWhitespace(text));
  if (prompt.empty()) {
    problems->push_back(absl::StrCat(where, ": the prompt is empty"));
  } else if (!IsUtf8(prompt)) {
    problems->push_back(
        absl::StrCat(where, ": the prompt is not UTF-8; convert the file"));
    return "";
  }
  return prompt;
}

std::vector<Sample> SamplesOfFolder(const std::string& root,
                                    std::vector<std::string>* problems) {
  std::vector<std::string> files = FilesUnder(root, problems);
  std::set<std::string> present(files.begin(), files.end());
  std::set<std::string> used;  // captions that have their clip
  std::vector<Sample> samples;
  for (const std::string& file : files) {
    MediaKind kind = MediaKindOf(file);
    if (kind == MediaKind::kOther) continue;
    std::string caption = CaptionPathOf(file);
    used.insert(caption);
    if (!present.count(caption)) {
      problems->push_back(absl::StrCat(file, ": has no caption; expected ",
                                       fs::path(caption).filename().string(),
                                       " beside it"));
      continue;
    }
    std::string prompt = ReadCaption(caption, problems);
    if (prompt.empty()) continue;
    samples.push_back({.row = static_cast<int64_t>(samples.size()),
                       .media_path = file,
                       .prompt = std::move(prompt),
                       .is_image = kind == MediaKind::kImage,
                       .where = file});
  }
  for (const std::string& file : files) {
    if (fs::path(file).extension() != ".txt" || used.count(file)) continue;
    problems->push_back(absl::StrCat(
        file, ": is a caption without its clip; expected a clip or image of ",
        "the same name beside it"));
  }
  return samples;
}

}  // namespace halfpipe
