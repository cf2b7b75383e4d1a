#include "common/data/metadata.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/file.h"
#include "common/base/status.h"
#include "common/data/folder_files.h"
#include "common/data/media_path.h"
#include "common/data/metadata_rows.h"
#include "common/data/metadata_samples.h"
#include "common/data/read_log.h"
#include "common/data/readable_text.h"
#include "common/store/file_form.h"

namespace halfpipe {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMetadataNames[] = {"metadata.csv", "metadata.json",
                                          "metadata.jsonl", "captions.json"};
constexpr size_t kStrongNames = 3;      // read whatever else is there
constexpr size_t kMaxLineBytes = 8192;  // of a message: a path and a sentence

// The status with a message of lines that can be shown.
absl::Status Readable(const absl::Status& status) {
  const std::string message(status.message());
  std::vector<std::string> lines;
  for (const absl::string_view line : absl::StrSplit(message, '\n')) {
    lines.push_back(Shortened(Shown(line), kMaxLineBytes));
  }
  return {status.code(), absl::StrJoin(lines, "\n")};
}

absl::Status CheckRoot(const std::string& root) {
  std::error_code error;
  if (fs::is_directory(root, error)) return absl::OkStatus();
  if (fs::exists(root, error)) {
    return absl::InvalidArgumentError(
        absl::StrCat("data.path: ", root,
                     " is a file; expected the folder that the clips lie in"));
  }
  if (fs::is_symlink(root, error)) {
    return absl::NotFoundError(absl::StrCat(
        "data.path: ", root, " is a link to ",
        fs::read_symlink(root, error).string(), ", which does not exist"));
  }
  return absl::NotFoundError(
      absl::StrCat("data.path: ", root, " does not exist"));
}

// One call of LoadSamples.
class Loader {
 public:
  explicit Loader(const DataSource& source) : source_(source) {}

  absl::StatusOr<std::vector<Sample>> Load() {
    HP_RETURN_IF_ERROR(CheckRoot(source_.root));
    HP_ASSIGN_OR_RETURN(std::vector<Sample> samples, Read());
    if (source_.warnings != nullptr) {
      for (std::string& warning : log_.Warnings()) {
        source_.warnings->push_back(std::move(warning));
      }
    }
    if (log_.ok() && samples.empty()) SayEmpty();
    if (!log_.ok()) SayUnrelated();
    if (!log_.ok() && source_.found != nullptr) *source_.found = samples;
    HP_RETURN_IF_ERROR(log_.ToStatus());
    return samples;
  }

 private:
  absl::StatusOr<std::vector<Sample>> Read() {
    if (!source_.metadata.empty()) return ReadNamed(source_.metadata);
    for (size_t i = 0; i < std::size(kMetadataNames); ++i) {
      const std::string name = NameInRoot(kMetadataNames[i]);
      if (name.empty()) continue;
      if (!file_.empty()) {
        log_.Warn(InRoot(name), absl::StrCat("is not read, as ", file_, " is"));
        continue;
      }
      const bool is_strong = i < kStrongNames && name == kMetadataNames[i];
      if (!is_strong && HasCaptionsBeside()) {
        SayCaptionsBeside(name);
        continue;
      }
      HP_RETURN_IF_ERROR(ReadFound(name));
    }
    if (!file_.empty()) return std::move(samples_);
    const auto lists = FindCaptionLists(source_.root);
    if (lists && !HasCaptionsBeside()) return ReadLists("", *lists);
    if (lists) SayCaptionsBeside(lists->clips);
    return SamplesOfFolder(source_, &log_);
  }

  void SayCaptionsBeside(const std::string& name) {
    log_.Warn(InRoot(name),
              "is not read, as clips have .txt captions beside them; name "
              "it in data.metadata if they are to be taken from it");
  }

  // A file that nobody has named: unrelated JSON of its name is passed over.
  absl::Status ReadFound(const std::string& name) {
    absl::StatusOr<std::vector<Sample>> samples = ReadNamed(name);
    if (!samples.ok() && IsUnrelatedJson(samples.status())) {
      unrelated_.push_back(std::string(samples.status().message()));
      log_.Warn(InRoot(name), "is not read: it is no list of clips");
      return absl::OkStatus();
    }
    HP_RETURN_IF_ERROR(samples.status());
    file_ = name;
    samples_ = *std::move(samples);
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<Sample>> ReadNamed(const std::string& name) {
    const std::string path = InRoot(name);
    if (ExtensionOf(name) == "txt") return ReadNamedList(name);
    HP_ASSIGN_OR_RETURN(const std::string text, ReadRegularFile(path));
    HP_ASSIGN_OR_RETURN(const std::vector<MetadataRow> rows,
                        ParseMetadataRows(text, path));
    file_ = name;
    return SamplesOfRows(rows, source_, path, "", &log_);
  }

  // One of two lists, whichever.
  absl::StatusOr<std::vector<Sample>> ReadNamedList(const std::string& name) {
    const fs::path path(name);
    const std::string folder = path.parent_path().string();
    const std::string file = path.filename().string();
    const auto lists = FindCaptionLists(InRoot(folder), file);
    if (!lists || (lists->clips != file && lists->captions != file)) {
      HP_RETURN_IF_ERROR(ReadRegularFile(InRoot(name)).status());
      return absl::InvalidArgumentError(absl::StrCat(
          InRoot(name),
          ": expected .csv, .json or .jsonl, or two lists: videos.txt with a "
          "clip a line and prompts.txt with their captions beside it"));
    }
    return ReadLists(folder, *lists);
  }

  absl::StatusOr<std::vector<Sample>> ReadLists(const std::string& folder,
                                                const CaptionLists& lists) {
    const std::string clips = InRoot((fs::path(folder) / lists.clips).string());
    const std::string captions =
        InRoot((fs::path(folder) / lists.captions).string());
    HP_ASSIGN_OR_RETURN(const std::string names, ReadRegularFile(clips));
    HP_ASSIGN_OR_RETURN(const std::string texts, ReadRegularFile(captions));
    HP_ASSIGN_OR_RETURN(const std::vector<MetadataRow> rows,
                        RowsOfLists(names, texts, clips, captions));
    file_ = lists.clips;
    for (const std::string& other : lists.others) {
      log_.Warn(InRoot((fs::path(folder) / other).string()),
                absl::StrCat("is not read, as ", lists.clips, " and ",
                             lists.captions, " are"));
    }
    return SamplesOfRows(rows, source_, clips, captions, &log_);
  }

  // A pipe would wait for its writer.
  static absl::StatusOr<std::string> ReadRegularFile(const std::string& path) {
    std::error_code ignored;
    if (fs::exists(path, ignored) && !fs::is_regular_file(path, ignored)) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": is no regular file"));
    }
    absl::StatusOr<std::string> text = ReadFile(path);
    // Nobody was refused and no disk is full: it is the file that is wrong.
    if (absl::IsPermissionDenied(text.status()) ||
        absl::IsResourceExhausted(text.status())) {
      return absl::InvalidArgumentError(text.status().message());
    }
    return text;
  }

  [[nodiscard]] std::string InRoot(const std::string& name) const {
    return name.empty() ? source_.root
                        : (fs::path(source_.root) / name).string();
  }

  // The file of this name in the root, else one with other capitals; or "".
  std::string NameInRoot(const std::string& wanted) {
    std::string found;
    std::error_code error;
    fs::directory_iterator it(source_.root, error);
    for (const fs::directory_iterator end; !error && it != end;
         it.increment(error)) {
      const std::string name = it->path().filename().string();
      if (!absl::EqualsIgnoreCase(name, wanted)) continue;
      std::error_code ignored;
      if (!it->is_regular_file(ignored)) {
        log_.Warn(InRoot(name), "is not read: it is no regular file");
        continue;
      }
      if (name == wanted) return name;
      if (found.empty() || name < found) found = name;
    }
    return found;
  }

  // Whether any clip below the root has a .txt file of its name.
  bool HasCaptionsBeside() {
    if (captions_beside_) return *captions_beside_;
    ReadLog ignored;
    const std::vector<std::string> files = FilesBelow(source_.root, &ignored);
    std::vector<std::string> captions;
    for (const std::string& file : files) {
      if (ExtensionOf(file) == "txt") {
        captions.push_back(ComposedForm(WithoutExtension(file)));
      }
    }
    std::sort(captions.begin(), captions.end());
    captions_beside_ =
        std::any_of(files.begin(), files.end(), [&](const auto& file) {
          return MediaKindOf(file) != MediaKind::kOther &&
                 std::binary_search(captions.begin(), captions.end(),
                                    ComposedForm(WithoutExtension(file)));
        });
    return *captions_beside_;
  }

  void SayEmpty() {
    if (file_.empty()) {
      log_.Problem(source_.root,
                   "holds no samples; expected clips with .txt captions, or a "
                   "metadata file with rows");
    } else {
      log_.Problem(InRoot(file_),
                   source_.missing == nullptr || source_.missing->empty()
                       ? "holds no samples; expected a row for each clip"
                       : "holds no samples: the file of every row is missing");
    }
    if (source_.missing != nullptr) {
      for (const std::string& line : *source_.missing) {
        const auto [where, what] = SplitWarning(line);
        log_.Problem(where, what);
      }
    }
    // What was passed over may be why.
    for (const std::string& warning : log_.Warnings()) {
      const auto [where, what] = SplitWarning(warning);
      log_.Problem(where, what);
    }
  }

  static std::pair<std::string, std::string> SplitWarning(
      const std::string& warning) {
    const std::vector<std::string> parts =
        absl::StrSplit(warning, absl::MaxSplits(": ", 1));
    return {parts[0], parts.size() > 1 ? parts[1] : ""};
  }

  void SayUnrelated() {
    for (const std::string& what : unrelated_) {
      const auto [where, sentence] = SplitWarning(what);
      log_.Problem(where, sentence);
    }
  }

  const DataSource& source_;
  ReadLog log_;
  std::string file_;  // with the rows that were read, in the root; "" without
  std::vector<Sample> samples_;
  std::vector<std::string> unrelated_;  // what is wrong with JSON passed over
  std::optional<bool> captions_beside_;
};

}  // namespace

absl::StatusOr<std::vector<Sample>> LoadSamples(const DataSource& source) {
  absl::StatusOr<std::vector<Sample>> samples = Loader(source).Load();
  if (!samples.ok()) return Readable(samples.status());
  return samples;
}

absl::StatusOr<std::vector<Sample>> LoadSamplesWithContent(
    const DataSource& source) {
  HP_ASSIGN_OR_RETURN(std::vector<Sample> samples, LoadSamples(source));
  // Where bad files are skipped, which ones they are is a part of the data's
  // digest, and decided where they are decoded.
  if (source.missing != nullptr) return samples;
  std::vector<std::string> problems;
  std::vector<Sample> found;
  for (const Sample& sample : samples) {
    const absl::Status content = CheckHasContent(sample.media_path);
    if (content.ok()) {
      found.push_back(sample);
    } else {
      problems.emplace_back(content.message());
    }
  }
  if (problems.empty()) return samples;
  if (source.found != nullptr) *source.found = std::move(found);
  return absl::InvalidArgumentError(absl::StrJoin(problems, "\n"));
}

}  // namespace halfpipe
