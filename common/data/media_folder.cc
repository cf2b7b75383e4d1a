#include <algorithm>
#include <filesystem>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "common/base/file.h"
#include "common/base/status.h"
#include "common/data/folder_files.h"
#include "common/data/media_path.h"
#include "common/data/metadata_columns.h"
#include "common/data/metadata_rows.h"
#include "common/data/metadata_samples.h"
#include "common/data/readable_text.h"

namespace halfpipe {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxListBytes = uint64_t{1} << 26;  // of one to be named
constexpr size_t kMaxLists = 10;                       // named in one line

constexpr absl::string_view kControlFolders[] = {
    "control",   "controls", "mask",      "masks", "depth",
    "pose",      "canny",    "reference", "refs",  "conditioning",
    "condition", "source",   "input",     "inputs"};

std::string NameOf(const std::string& path) {
  return fs::path(path).filename().string();
}

std::string NamesOf(const std::vector<std::string>& paths) {
  std::vector<std::string> names;
  names.reserve(paths.size());
  for (const std::string& path : paths) names.push_back(NameOf(path));
  return absl::StrJoin(names, " and ");
}

// Whether the folder that `path` lies in is named for what other trainers take
// beside clips.
bool IsForControl(const std::string& path) {
  const std::string folder =
      absl::AsciiStrToLower(fs::path(path).parent_path().filename().string());
  return std::find(std::begin(kControlFolders), std::end(kControlFolders),
                   folder) != std::end(kControlFolders);
}

bool IsCaption(const std::string& path) { return ExtensionOf(path) == "txt"; }

bool IsNamedLikeRows(const std::string& path) {
  const std::string extension = ExtensionOf(path);
  return extension == "csv" || extension == "json" || extension == "jsonl";
}

// The rows of a file; an error for one that is named otherwise or is too large.
absl::StatusOr<std::vector<MetadataRow>> RowsIn(const std::string& path) {
  std::error_code ignored;
  if (!IsNamedLikeRows(path) || !fs::is_regular_file(path, ignored)) {
    return absl::NotFoundError("no file of rows");
  }
  HP_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxListBytes));
  return ParseMetadataRows(text, path);
}

// Whether a file has the columns of a data set.
bool HoldsRows(const std::string& path) {
  const auto rows = RowsIn(path);
  return rows.ok() && !rows->empty() &&
         ColumnsProblem(ColumnsOf(*rows)).empty();
}

// Whether a file is named like rows, and is no JSON of something else.
bool MayHoldRows(const std::string& path) {
  return IsNamedLikeRows(path) && !IsUnrelatedJson(RowsIn(path).status());
}

// What lies under one name: clip.mp4, clip.txt, clip.json.
struct Namesakes {
  std::vector<std::string> media;     // of kinds that are read
  std::vector<std::string> captions;  // .txt, in any case
  std::vector<std::string> others;
};

class FolderReader {
 public:
  FolderReader(const DataSource& source, ReadLog* log)
      : source_(source), log_(log) {}

  std::vector<Sample> Read() {
    files_ = FilesBelow(source_.root, log_);
    for (const std::string& file : files_) {
      Namesakes& same = by_name_[WithoutExtension(file)];
      const bool is_media = MediaKindOf(file) != MediaKind::kOther;
      (is_media          ? same.media
       : IsCaption(file) ? same.captions
                         : same.others)
          .push_back(file);
    }
    for (const auto& [name, same] : by_name_) {
      if (!same.media.empty()) continue;
      for (const std::string& caption : same.captions) {
        if (IsNamedLikeDocumentation(caption)) continue;
        without_media_[ComposedForm(name)].push_back(caption);
      }
    }
    if (OnlyListsHoldCaptions()) return {};
    for (const std::string& file : files_) {
      if (MediaKindOf(file) != MediaKind::kOther) AddMedia(file);
    }
    for (const auto& [name, same] : by_name_) SayNamesakes(same);
    for (const std::string& file : files_) {
      if (IsCaption(file)) CheckCaption(file);
      SayOther(file);
    }
    SayMetadata();
    return std::move(samples_);
  }

 private:
  // Whether the name of a file that is needed can be written down; a folder
  // whose name cannot is a problem once.
  bool HasReadableName(const std::string& file) {
    if (IsUtf8(file)) return true;
    fs::path up_to;
    for (const fs::path& part : fs::path(file)) {
      up_to /= part;
      if (!IsUtf8(part.string())) break;
    }
    const std::string culprit = up_to.string();
    if (!unreadable_.insert(culprit).second) return false;
    log_->Problem(culprit,
                  culprit == file
                      ? "the file's name is not UTF-8: rename it"
                      : "the folder's name is not UTF-8: rename it (convmv "
                        "does so for a whole archive)");
    return false;
  }

  // Whether `file` can be opened at all.
  bool IsThere(const std::string& file) {
    std::error_code ignored;
    if (fs::is_regular_file(file, ignored)) return true;
    if (!fs::is_symlink(file, ignored) || fs::exists(file, ignored)) {
      log_->Problem(file, "is no regular file");
      return false;
    }
    const std::string what =
        absl::StrCat("is a link to ", fs::read_symlink(file, ignored).string(),
                     ", which does not exist");
    if (source_.missing != nullptr && MediaKindOf(file) != MediaKind::kOther) {
      source_.missing->push_back(Shown(absl::StrCat(file, ": ", what)));
    } else {
      log_->Problem(file, what);
    }
    return false;
  }

  void AddMedia(const std::string& file) {
    if (!HasReadableName(file)) return;
    const Namesakes& same = by_name_[WithoutExtension(file)];
    const std::vector<std::string>& captions = CaptionsOf(file, same);
    if (captions.empty()) {
      has_no_caption_ = true;
      log_->Problem(file, NoCaption(file, same));
      return;
    }
    told_.insert(captions.begin(), captions.end());
    if (!IsThere(file)) return;
    if (captions.size() > 1) {
      log_->Problem(file, absl::StrCat("has two captions, ", NamesOf(captions),
                                       ": remove one"));
      return;
    }
    std::string prompt = Caption(captions[0]);
    if (prompt.empty()) return;
    samples_.push_back({.row = static_cast<int64_t>(samples_.size()),
                        .media_path = file,
                        .prompt = std::move(prompt),
                        .is_image = MediaKindOf(file) == MediaKind::kImage,
                        .where = file});
  }

  // Those of its name; else those whose name looks the same, as half of an
  // archive of another system's gives.
  const std::vector<std::string>& CaptionsOf(const std::string& file,
                                             const Namesakes& same) {
    return same.captions.empty()
               ? without_media_[ComposedForm(WithoutExtension(file))]
               : same.captions;
  }

  // Of two media with one caption, its problem is one.
  std::string Caption(const std::string& file) {
    const auto [it, is_new] = captions_.try_emplace(file);
    if (!is_new || !IsThere(file)) return it->second;
    const absl::StatusOr<std::string> text = ReadFile(file, kMaxCaptionBytes);
    if (!text.ok()) {
      // Its words name the file, as the line does already.
      log_->Problem(file,
                    absl::StrReplaceAll(text.status().message(),
                                        {{file + " ", ""}, {" " + file, ""}}));
    } else {
      it->second = CheckedPrompt(*text, file, log_);
    }
    return it->second;
  }

  std::string NoCaption(const std::string& file, const Namesakes& same) {
    const std::string expected = NameOf(WithoutExtension(file) + ".txt");
    std::string what =
        absl::StrCat("has no caption; expected ", expected, " beside it");
    // clip.mp4.txt has the name clip.mp4.
    if (const auto doubled = by_name_.find(file); doubled != by_name_.end()) {
      for (const std::string& other : doubled->second.captions) {
        told_.insert(other);
        return absl::StrCat(what, ": rename ", NameOf(other));
      }
    }
    if (IsForControl(file)) {
      return absl::StrCat(what,
                          "; clips for control and masks are not read here: "
                          "move their folder out of the data folder");
    }
    for (const std::string& other : same.others) {
      const std::string extension = ExtensionOf(other);
      if (extension == "caption" || extension == "cap") {
        return absl::StrCat(what, ": rename ", NameOf(other));
      }
      if (extension == "json") {
        return absl::StrCat(what, ": write the text of ", NameOf(other),
                            " into it");
      }
    }
    return what;
  }

  // Two media of one name have one caption, and one of them may be its
  // thumbnail.
  void SayNamesakes(const Namesakes& same) {
    if (same.media.size() < 2 || same.captions.size() != 1) return;
    log_->Warn(same.captions[0],
               absl::StrCat("is the caption of ", NamesOf(same.media),
                            ", and both are trained; move one out of the "
                            "folder if it is not meant"));
  }

  void CheckCaption(const std::string& file) {
    const std::string name = WithoutExtension(file);
    const Namesakes& same = by_name_[name];
    if (!same.media.empty() || told_.count(file) > 0) return;
    for (const std::string& other : same.others) {
      if (!IsNamedLikeMedia(other)) continue;
      if (!HasReadableName(file)) return;
      log_->Problem(file,
                    absl::StrCat("is the caption of ", NameOf(other),
                                 ", which is no known kind of media; expected ",
                                 KnownMediaKinds()));
      return;
    }
    if (IsNamedLikeDocumentation(file)) {
      log_->Warn(file,
                 "is left out: it looks like documentation, and there is no "
                 "clip of its name");
      return;
    }
    if (!HasReadableName(file)) return;
    const std::string what =
        "is a caption without its clip; expected a clip or image of the same "
        "name beside it";
    if (source_.missing != nullptr) {
      source_.missing->push_back(Shown(absl::StrCat(file, ": ", what)));
    } else {
      log_->Problem(file, what);
    }
  }

  // Media of kinds that are not read, and archives.
  void SayOther(const std::string& file) {
    if (MediaKindOf(file) != MediaKind::kOther) return;
    if (IsNamedLikeArchive(file)) {
      log_->Warn(file, "is not read: unpack it if it holds clips");
    } else if (IsNamedLikeMedia(file) &&
               by_name_[WithoutExtension(file)].captions.empty()) {
      log_->Warn(
          file,
          absl::StrCat("is left out: it is no known kind of media; expected ",
                       KnownMediaKinds()));
    }
  }

  // Captions that are missing may stand in lists that nobody has named.
  void SayMetadata() {
    if (!has_no_caption_) return;
    std::vector<std::string> lists;
    for (const std::string& file : files_) {
      const bool beside_clip = !by_name_[WithoutExtension(file)].media.empty();
      if (!beside_clip && MayHoldRows(file)) lists.push_back(file);
    }
    if (!lists.empty()) SayLists(lists, "may hold the captions");
  }

  // One problem instead of one for each clip, where no clip has a caption and
  // lists have them.
  bool OnlyListsHoldCaptions() {
    bool has_media = false;
    for (const auto& [name, same] : by_name_) {
      if (same.media.empty()) continue;
      has_media = true;
      if (!same.captions.empty()) return false;
    }
    if (!has_media || !without_media_.empty()) return false;
    std::vector<std::string> lists;
    std::copy_if(files_.begin(), files_.end(), std::back_inserter(lists),
                 HoldsRows);
    if (lists.empty()) return false;
    SayLists(lists, lists.size() == 1
                        ? "holds the captions, and no clip has one beside it"
                        : "hold the captions, and no clip has one beside it");
    return true;
  }

  // One list is read: to name the first of several would lose the others.
  void SayLists(std::vector<std::string> lists, absl::string_view what) {
    for (std::string& list : lists) {
      list = fs::path(list).lexically_relative(source_.root).string();
    }
    if (lists.size() == 1) {
      log_->Problem((fs::path(source_.root) / lists[0]).string(),
                    absl::StrCat(what, ": write data.metadata: ", lists[0]));
      return;
    }
    const size_t more = lists.size() - std::min(lists.size(), kMaxLists);
    lists.resize(lists.size() - more);
    log_->Problem(
        source_.root,
        absl::StrCat(absl::StrJoin(lists, ", "),
                     more > 0 ? absl::StrCat(" and ", more, " more") : "", " ",
                     what,
                     "; data.metadata names one list, and no other is read: "
                     "merge them into one, or make a job of each"));
  }

  const DataSource& source_;
  ReadLog* log_;
  std::vector<std::string> files_;
  std::map<std::string, Namesakes> by_name_;  // path without extension
  // Captions without a clip of their name, by its composed form.
  std::map<std::string, std::vector<std::string>> without_media_;
  std::map<std::string, std::string> captions_;  // what was read, or ""
  std::set<std::string> unreadable_;             // names that were told of
  std::set<std::string> told_;  // captions of clips, and named by a line
  bool has_no_caption_ = false;
  std::vector<Sample> samples_;
};

}  // namespace

std::vector<Sample> SamplesOfFolder(const DataSource& source, ReadLog* log) {
  return FolderReader(source, log).Read();
}

}  // namespace halfpipe
