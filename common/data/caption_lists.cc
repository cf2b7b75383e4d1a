#include <algorithm>
#include <filesystem>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/types/span.h"
#include "common/data/media_path.h"
#include "common/data/metadata_rows.h"
#include "common/data/readable_text.h"

namespace halfpipe {
namespace {

namespace fs = std::filesystem;

constexpr const char* kClips[] = {"videos.txt", "video.txt", "images.txt",
                                  "image.txt"};
constexpr const char* kCaptions[] = {"prompts.txt", "prompt.txt",
                                     "captions.txt", "caption.txt"};

// Names of what lies directly in `folder`.
std::vector<std::string> NamesIn(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    names.push_back(it->path().filename().string());
  }
  return names;
}

// Those of `wanted` among the names that are files and no clip's captions,
// `first` before the others.
std::vector<std::string> ListsAmong(const std::string& folder,
                                    const std::vector<std::string>& names,
                                    absl::Span<const char* const> wanted,
                                    absl::string_view first) {
  std::vector<std::string> lists;
  for (const char* name : wanted) {
    std::error_code ignored;
    if (!fs::is_regular_file(fs::path(folder) / name, ignored)) continue;
    const bool is_caption =
        std::any_of(names.begin(), names.end(), [&](const auto& other) {
          return IsNamedLikeMedia(other) &&
                 WithoutExtension(other) == WithoutExtension(name);
        });
    if (!is_caption) lists.emplace_back(name);
  }
  const auto named = std::find(lists.begin(), lists.end(), first);
  if (named != lists.end()) std::rotate(lists.begin(), named, named + 1);
  return lists;
}

// Lines without blanks around them, and without those after the last.
std::vector<absl::string_view> LinesOf(absl::string_view text) {
  std::vector<absl::string_view> lines =
      absl::StrSplit(WithoutMark(text), '\n');
  for (absl::string_view& line : lines) {
    line = absl::StripAsciiWhitespace(line);
    if (IsBlank(line)) line = "";
  }
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

absl::Status LengthProblem(const std::string& clips_file, size_t clips,
                           const std::string& captions_file, size_t captions) {
  return absl::InvalidArgumentError(
      absl::StrCat(Shown(clips_file), ": has ", clips, " lines, and ",
                   Shown(captions_file), " has ", captions,
                   "; expected a caption for each clip, in the same line"));
}

absl::Status BlankProblem(const std::string& file, size_t line,
                          const std::string& other) {
  return absl::InvalidArgumentError(
      absl::StrCat(Shown(file), ":", line, ": is blank, and the same line of ",
                   Shown(other), " is not"));
}

}  // namespace

std::optional<CaptionLists> FindCaptionLists(const std::string& folder,
                                             absl::string_view first) {
  const std::vector<std::string> names = NamesIn(folder);
  const std::vector<std::string> clips =
      ListsAmong(folder, names, kClips, first);
  const std::vector<std::string> captions =
      ListsAmong(folder, names, kCaptions, first);
  if (clips.empty() || captions.empty()) return std::nullopt;
  CaptionLists lists{.clips = clips[0], .captions = captions[0]};
  lists.others.assign(clips.begin() + 1, clips.end());
  lists.others.insert(lists.others.end(), captions.begin() + 1, captions.end());
  return lists;
}

absl::StatusOr<std::vector<MetadataRow>> RowsOfLists(
    absl::string_view clips, absl::string_view captions,
    const std::string& clips_file, const std::string& captions_file) {
  std::vector<std::string> problems = TextProblemsOfFile(clips, clips_file);
  for (std::string& problem : TextProblemsOfFile(captions, captions_file)) {
    problems.push_back(std::move(problem));
  }
  if (!problems.empty()) {
    return absl::InvalidArgumentError(absl::StrJoin(problems, "\n"));
  }
  const std::vector<absl::string_view> files = LinesOf(clips);
  const std::vector<absl::string_view> prompts = LinesOf(captions);
  if (files.size() != prompts.size()) {
    return LengthProblem(clips_file, files.size(), captions_file,
                         prompts.size());
  }
  std::vector<MetadataRow> rows;
  for (size_t i = 0; i < files.size(); ++i) {
    if (files[i].empty() && prompts[i].empty()) continue;
    if (files[i].empty()) return BlankProblem(clips_file, i + 1, captions_file);
    if (prompts[i].empty()) {
      return BlankProblem(captions_file, i + 1, clips_file);
    }
    rows.push_back({.line = static_cast<int>(i + 1),
                    .problem = "",
                    .cells = {{"file_name", std::string(files[i])},
                              {"prompt", std::string(prompts[i])}}});
  }
  return rows;
}

}  // namespace halfpipe
