#include "common/data/metadata_samples.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/types/span.h"
#include "common/data/folder_files.h"
#include "common/data/media_file.h"
#include "common/data/media_path.h"
#include "common/data/metadata_columns.h"
#include "common/data/readable_text.h"

namespace halfpipe {
namespace {

namespace fs = std::filesystem;

constexpr size_t kFirstMedia = 2;  // video and image come before the others

class RowReader {
 public:
  RowReader(const DataSource& source, std::string file,
            const std::string& captions_file, ReadLog* log)
      : source_(source),
        file_(std::move(file)),
        captions_file_(captions_file.empty() ? file_ : captions_file),
        log_(log),
        finder_(source.root, file_) {}

  std::vector<Sample> Read(const std::vector<MetadataRow>& rows) {
    if (!HasColumns(rows)) return {};
    for (size_t i = 0; i < rows.size(); ++i) {
      const std::string where = absl::StrCat(file_, ":", rows[i].line);
      if (!rows[i].problem.empty()) {
        log_->Problem(where, rows[i].problem);
        continue;
      }
      Add(rows[i], static_cast<int64_t>(i), where);
    }
    SayUnread(rows);
    SaySharedClips(rows);
    SayRepeated();
    SayUnnamed();
    return std::move(samples_);
  }

 private:
  // A file without the columns of a data set has that one problem.
  bool HasColumns(const std::vector<MetadataRow>& rows) {
    const std::vector<std::string> columns = ColumnsOf(rows);
    if (columns.empty()) return true;
    const std::string problem = ColumnsProblem(columns);
    if (problem.empty()) return true;
    log_->Problem(absl::StrCat(file_, ":", rows[0].line), problem);
    return false;
  }

  void Add(const MetadataRow& row, int64_t index, const std::string& where) {
    Sample sample{.row = index,
                  .media_path = "",
                  .prompt = Prompt(row, where),
                  .is_image = false,
                  .where = Shown(where)};
    const std::string written = Media(row, where);
    if (written.empty()) return;
    const MediaFile media = finder_.Find(written);
    if (media.missing && source_.missing != nullptr) {
      source_.missing->push_back(
          Shown(absl::StrCat(where, ": ", written, " does not exist")));
      return;
    }
    if (!media.problem.empty()) return log_->Problem(where, media.problem);
    sample.media_path = media.path;
    sample.is_image = MediaKindOf(media.path) == MediaKind::kImage;
    Remember(row, media.path, where);
    samples_.push_back(std::move(sample));
  }

  std::string Prompt(const MetadataRow& row, const std::string& where) {
    for (const absl::string_view name : CaptionColumns()) {
      const std::string column(name);
      if (const auto cell = row.cells.find(column); cell != row.cells.end()) {
        read_.insert(column);
        SayRowWithin(cell->second, where);
        return CheckedPrompt(cell->second,
                             absl::StrCat(captions_file_, ":", row.line), log_);
      }
      if (const auto other = row.others.find(column);
          other != row.others.end()) {
        log_->Problem(where, absl::StrCat("the ", column, " is ", other->second,
                                          "; expected one text"));
        return "";
      }
    }
    log_->Problem(where, "has no prompt");
    return "";
  }

  // A quote that is missing makes one row of several, without an error where
  // another one is missing later.
  void SayRowWithin(const std::string& prompt, const std::string& where) {
    const std::vector<absl::string_view> lines =
        absl::StrSplit(prompt, absl::ByAnyChar("\r\n"));
    for (size_t i = 1; i < lines.size(); ++i) {
      const size_t comma = lines[i].find(',');
      if (comma == absl::string_view::npos) continue;
      const absl::string_view name = lines[i].substr(0, comma);
      if (!IsNamedLikeMedia(name)) continue;
      log_->Problem(where,
                    absl::StrCat("the prompt goes on in other lines, one "
                                 "of which looks like the row of ",
                                 name, ": a quote is missing"));
      return;
    }
  }

  // What those of the row's columns that are in `names` say, each once. False
  // after adding a problem.
  bool Named(const MetadataRow& row, absl::Span<const absl::string_view> names,
             const std::string& where,
             std::map<std::string, std::string>* said) {
    for (const absl::string_view name : names) {
      const std::string column(name);
      if (const auto other = row.others.find(column);
          other != row.others.end() && other->second != "null") {
        log_->Problem(where, absl::StrCat(column, " is ", other->second,
                                          "; expected the path of one file"));
        return false;
      }
      const auto cell = row.cells.find(column);
      if (cell == row.cells.end() || IsBlank(cell->second)) continue;
      said->emplace(cell->second, column);
    }
    return true;
  }

  // The row's clip or image as it is written; "" after adding a problem.
  std::string Media(const MetadataRow& row, const std::string& where) {
    const auto columns = MediaColumns();
    std::map<std::string, std::string> said;
    if (!Named(row, columns.subspan(0, kFirstMedia), where, &said)) return "";
    if (said.size() > 1) {
      log_->Problem(where, "names a video and an image; expected one");
      return "";
    }
    if (said.empty() &&
        !Named(row, columns.subspan(kFirstMedia), where, &said)) {
      return "";
    }
    if (said.size() == 1) {
      read_.insert(said.begin()->second);
      return said.begin()->first;
    }
    if (said.empty()) {
      log_->Problem(where,
                    absl::StrCat("names no video or image (columns with text: ",
                                 absl::StrJoin(ColumnsOf({row}), ", "), ")"));
    } else {
      const auto second = std::next(said.begin());
      log_->Problem(where,
                    absl::StrCat(said.begin()->second, " and ", second->second,
                                 " name two files; expected one"));
    }
    return "";
  }

  void Remember(const MetadataRow& row, const std::string& path,
                const std::string& where) {
    std::error_code error;
    const fs::path real = fs::canonical(path, error);
    const auto [it, is_new] =
        first_.emplace(error ? path : real.string(), where);
    if (is_new || row.shares_clip) return;
    if (++repeated_ == 1) {
      repeat_ = where;
      repeats_ =
          absl::StrCat(fs::path(path).filename().string(),
                       " is named again; the first time was ", it->second);
    }
  }

  // Columns with something in them that no row's sample is made of, in one
  // line.
  void SayUnread(const std::vector<MetadataRow>& rows) {
    std::set<std::string> unread;
    for (const MetadataRow& row : rows) {
      for (const auto& [name, value] : row.cells) {
        if (!IsBlank(value) && read_.count(name) == 0 &&
            !IsBookkeepingColumn(name)) {
          unread.insert(name);
        }
      }
      for (const auto& [name, kind] : row.others) {
        if (kind != "null" && read_.count(name) == 0 &&
            !IsBookkeepingColumn(name)) {
          unread.insert(name);
        }
      }
    }
    if (unread.empty() || samples_.empty()) return;
    log_->Warn(file_,
               absl::StrCat(unread.size() == 1 ? "the column " : "the columns ",
                            absl::StrJoin(unread, ", "),
                            unread.size() == 1 ? " is" : " are",
                            " not read; samples are made of ",
                            absl::StrJoin(read_, ", "), " alone"));
  }

  void SaySharedClips(const std::vector<MetadataRow>& rows) {
    const auto more =
        std::count_if(rows.begin(), rows.end(),
                      [](const MetadataRow& row) { return row.shares_clip; });
    if (more == 0) return;
    log_->Warn(file_, absl::StrCat("lists several captions for some clips: "
                                   "each of them is a sample, ",
                                   rows.size(), " instead of ",
                                   rows.size() - static_cast<size_t>(more)));
  }

  void SayRepeated() {
    if (repeated_ == 0) return;
    const std::string more =
        repeated_ == 1
            ? ""
            : absl::StrCat(" (and ", repeated_ - 1, " more such rows)");
    log_->Warn(repeat_, absl::StrCat(repeats_, more,
                                     ": each row is a sample, so the "
                                     "clip is trained that much more"));
  }

  // Media, and captions of the named media, that lie where the file may have
  // left them out: it may be older than they are, or one of several.
  void SayUnnamed() {
    int unnamed = 0;
    int captions = 0;
    std::string example;
    for (const std::string& path : FilesAround()) {
      if (MediaKindOf(path) != MediaKind::kOther) {
        if (first_.count(path) > 0) continue;
        if (++unnamed == 1) example = path;
      } else if (ExtensionOf(path) == "txt" && HasNamedClip(path)) {
        ++captions;
      }
    }
    if (unnamed > 0) {
      log_->Warn(file_,
                 absl::StrCat("does not name ", unnamed,
                              " of the clips and images that lie ",
                              source_.metadata.empty()
                                  ? "beside those it names"
                                  : "in data.path or beside those it "
                                    "names",
                              ", as ", example, ": they are not trained"));
    }
    if (captions > 0) {
      log_->Warn(file_, absl::StrCat("holds the captions: ", captions,
                                     " .txt files beside the clips are not "
                                     "read"));
    }
  }

  // The real paths of what lies in the folders of the samples and, where the
  // job chose this one of its lists, anywhere below the root.
  std::set<std::string> FilesAround() {
    std::set<std::string> folders;
    for (const Sample& sample : samples_) {
      std::error_code error;
      const fs::path folder =
          fs::canonical(fs::path(sample.media_path).parent_path(), error);
      if (!error) folders.insert(folder.string());
    }
    std::set<std::string> files;
    for (const std::string& folder : folders) {
      for (std::string& path : FilesIn(folder)) files.insert(std::move(path));
    }
    if (source_.metadata.empty()) return files;
    ReadLog ignored;
    for (const std::string& path : FilesBelow(source_.root, &ignored)) {
      std::error_code error;
      const fs::path real = fs::canonical(path, error);
      if (!error) files.insert(real.string());
    }
    return files;
  }

  // Whether a clip that is named has the caption `path` beside it.
  bool HasNamedClip(const std::string& path) {
    const std::string name = WithoutExtension(path);
    for (auto it = first_.lower_bound(name);
         it != first_.end() && absl::StartsWith(it->first, name); ++it) {
      if (WithoutExtension(it->first) == name) return true;
    }
    return false;
  }

  // Regular files directly in a folder, without what systems leave behind.
  static std::vector<std::string> FilesIn(const std::string& folder) {
    std::vector<std::string> files;
    std::error_code error;
    fs::directory_iterator it(folder, error);
    for (const fs::directory_iterator end; !error && it != end;
         it.increment(error)) {
      std::error_code ignored;
      if (IsLeftBySystem(it->path().filename().string()) ||
          !it->is_regular_file(ignored) || it->is_symlink(ignored)) {
        continue;
      }
      files.push_back(it->path().string());
    }
    return files;
  }

  const DataSource& source_;
  const std::string file_;
  const std::string captions_file_;
  ReadLog* log_;
  MediaFinder finder_;
  std::set<std::string> read_;                // columns
  std::map<std::string, std::string> first_;  // canonical path, and its place
  int repeated_ = 0;                          // rows
  std::string repeat_;                        // the first of them
  std::string repeats_;                       // what it repeats
  std::vector<Sample> samples_;
};

}  // namespace

std::vector<Sample> SamplesOfRows(const std::vector<MetadataRow>& rows,
                                  const DataSource& source,
                                  const std::string& file,
                                  const std::string& captions_file,
                                  ReadLog* log) {
  return RowReader(source, file, captions_file, log).Read(rows);
}

}  // namespace halfpipe
