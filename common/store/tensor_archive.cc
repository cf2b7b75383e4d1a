#include "common/store/tensor_archive.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "common/base/disk_full.h"
#include "common/base/nearest.h"
#include "common/base/status.h"
#include "common/store/archive_contents.h"
#include "common/store/file_form.h"
#include "common/store/pth_file.h"
#include "common/store/safetensors_file.h"

namespace halfpipe {
namespace {

constexpr absl::string_view kIndexSuffix = ".safetensors.index.json";

// Named byte ranges of open files: what every format comes down to.
class FileArchive final : public TensorArchive {
 public:
  FileArchive(std::string path, ArchiveContents contents)
      : path_(std::move(path)), contents_(std::move(contents)) {
    for (const auto& file : contents_.files) files_[file->path()] = file.get();
  }

  [[nodiscard]] const std::map<std::string, ArchivedTensor>& tensors()
      const override {
    return contents_.tensors;
  }

  [[nodiscard]] const std::map<std::string, std::string>& metadata()
      const override {
    return contents_.metadata;
  }

  [[nodiscard]] const std::string& path() const override { return path_; }

  [[nodiscard]] std::string stamp() const override {
    std::string stamp;
    for (const auto& [path, file] : files_) {
      absl::StrAppend(&stamp, path, " ", file->stamp(), "\n");
    }
    return stamp;
  }

  absl::Status Read(absl::string_view name, void* destination) const override {
    HP_ASSIGN_OR_RETURN(const ArchivedTensor* tensor, Find(name));
    return ReadBytes(*tensor, 0, tensor->bytes, destination);
  }

  absl::Status ReadRange(absl::string_view name, uint64_t offset,
                         uint64_t bytes, void* destination) const override {
    HP_ASSIGN_OR_RETURN(const ArchivedTensor* tensor, Find(name));
    if (offset > tensor->bytes || bytes > tensor->bytes - offset) {
      return absl::InvalidArgumentError(absl::StrCat(
          path_, ": bytes [", offset, ", +", bytes, ") are outside tensor '",
          name, "' of ", tensor->bytes, " bytes"));
    }
    return ReadBytes(*tensor, offset, bytes, destination);
  }

 private:
  absl::StatusOr<const ArchivedTensor*> Find(absl::string_view name) const {
    auto it = contents_.tensors.find(std::string(name));
    if (it != contents_.tensors.end()) return &it->second;
    return absl::NotFoundError(
        absl::StrCat(path_, " holds no tensor '", name, "'",
                     NearestNameHint(name, contents_.tensors)));
  }

  absl::Status ReadBytes(const ArchivedTensor& tensor, uint64_t offset,
                         uint64_t bytes, void* destination) const {
    return files_.at(tensor.file)
        ->ReadAt(tensor.offset + offset, bytes, destination);
  }

  const std::string path_;
  const ArchiveContents contents_;
  std::map<std::string, const RandomAccessFile*> files_;
};

bool IsPickleName(absl::string_view name) {
  return absl::EndsWith(name, ".pth") || absl::EndsWith(name, ".pt") ||
         absl::EndsWith(name, ".bin") || absl::EndsWith(name, ".ckpt");
}

absl::StatusOr<ArchiveContents> ListFile(const std::string& path) {
  if (absl::EndsWith(path, kIndexSuffix)) return ListSafetensorsIndex(path);
  if (absl::EndsWith(path, ".safetensors")) return ListSafetensors(path);
  if (IsPickleName(path)) return ListPth(path);
  HP_RETURN_IF_ERROR(CheckFileForm(path, FileForm::kOther));
  return absl::InvalidArgumentError(
      absl::StrCat(path,
                   " has an unknown extension; expected .safetensors, "
                   ".safetensors.index.json, .pth, .pt, .bin or .ckpt"));
}

// What a folder holds, each list in the order of the names.
struct Listing {
  std::vector<std::string> indexes;
  std::vector<std::string> safetensors;
  std::vector<std::string> pickles;
};

absl::StatusOr<Listing> ListFolder(const std::string& folder) {
  Listing listing;
  std::error_code error;
  std::filesystem::directory_iterator it(folder, error);
  for (; !error && it != std::filesystem::directory_iterator();
       it.increment(error)) {
    std::string path = it->path().string();
    // Such as the notes that macOS leaves for each file on other disks.
    if (absl::StartsWith(it->path().filename().string(), ".")) continue;
    if (absl::EndsWith(path, kIndexSuffix)) listing.indexes.push_back(path);
    if (absl::EndsWith(path, ".safetensors")) {
      listing.safetensors.push_back(path);
    }
    if (IsPickleName(path)) listing.pickles.push_back(path);
  }
  if (error) {
    absl::Status failure =
        FileErrnoStatus(error.value(), "cannot list", folder);
    if (IsWaitedFor(failure)) return failure;
    const DescribedFile found = DescribeFile(folder);
    if (found.form == FileForm::kUnreadable) {
      return absl::InvalidArgumentError(absl::StrCat(folder, " ", found.text));
    }
    return failure;
  }
  for (auto* list :
       {&listing.indexes, &listing.safetensors, &listing.pickles}) {
    std::sort(list->begin(), list->end());
  }
  return listing;
}

// The folders and files in a folder, in the order of their names.
std::vector<std::string> EntriesOf(const std::string& folder) {
  std::vector<std::string> entries;
  std::error_code error;
  std::filesystem::directory_iterator it(folder, error);
  for (; !error && it != std::filesystem::directory_iterator();
       it.increment(error)) {
    entries.push_back(it->path().string());
  }
  std::sort(entries.begin(), entries.end());
  return entries;
}

bool HasWeights(const std::string& folder) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored)) return false;
  const absl::StatusOr<Listing> listing = ListFolder(folder);
  return listing.ok() &&
         (!listing->safetensors.empty() || !listing->pickles.empty());
}

absl::Status Ambiguous(const std::string& folder,
                       const std::vector<std::string>& found) {
  return absl::InvalidArgumentError(absl::StrCat(
      folder, " holds several checkpoints (", absl::StrJoin(found, ", "),
      "); name the file instead", FoldersWithWeightsHint(folder)));
}

// What a folder without weights holds instead.
std::string WhereItMayBe(const std::string& folder) {
  for (const std::string& path : EntriesOf(folder)) {
    const DescribedFile found = DescribeFile(path);
    if (found.form == FileForm::kUnfinished || found.form == FileForm::kGguf) {
      return absl::StrCat("; ", path, " ", found.text);
    }
    if (absl::EndsWith(path, ".distcp")) {
      return absl::StrCat(
          "; ", path,
          " is a piece of torch's distributed checkpoint: make one file of it "
          "(python -m torch.distributed.checkpoint.format_utils dcp_to_torch)");
    }
  }
  return FoldersWithWeightsHint(folder);
}

// Whether each name says that it is one part of several.
bool AreParts(const std::vector<std::string>& files) {
  return std::none_of(files.begin(), files.end(), [](const std::string& file) {
    return PartHint(file).empty();
  });
}

// All files as one model.
absl::StatusOr<ArchiveContents> ListParts(
    const std::vector<std::string>& files) {
  HP_RETURN_IF_ERROR(CheckShardsAreComplete(files));
  ArchiveContents contents;
  for (const std::string& path : files) {
    HP_ASSIGN_OR_RETURN(ArchiveContents part, ListFile(path));
    HP_RETURN_IF_ERROR(MergeContents(std::move(part), contents));
  }
  return contents;
}

absl::StatusOr<ArchiveContents> ListModelFolder(const std::string& folder) {
  HP_ASSIGN_OR_RETURN(Listing listing, ListFolder(folder));
  if (listing.indexes.size() > 1) return Ambiguous(folder, listing.indexes);
  if (!listing.indexes.empty()) return ListFile(listing.indexes.front());
  if (!listing.safetensors.empty()) return ListParts(listing.safetensors);
  if (listing.pickles.size() > 1 && !AreParts(listing.pickles)) {
    return Ambiguous(folder, listing.pickles);
  }
  if (!listing.pickles.empty()) return ListParts(listing.pickles);
  return absl::NotFoundError(absl::StrCat(
      "the folder ", folder, " holds no .safetensors, .pth, .pt or .bin file",
      WhereItMayBe(folder)));
}

constexpr size_t kDigits = 5;
constexpr absl::string_view kOf = "-of-";
constexpr size_t kMostShardsNamed = 3;

struct ShardName {
  std::string stem;  // with the folder and the dash
  int64_t number = 0;
  int64_t count = 0;
  std::string extension;
};

// "dir/model-00001-of-00003.safetensors"; nullopt for another form.
std::optional<ShardName> ParseShardName(absl::string_view path) {
  const size_t dot = path.rfind('.');
  if (dot == absl::string_view::npos) return std::nullopt;
  const absl::string_view name = path.substr(0, dot);
  constexpr size_t kTail = 2 * kDigits + kOf.size();
  if (name.size() <= kTail ||
      name.substr(name.size() - kDigits - kOf.size(), kOf.size()) != kOf) {
    return std::nullopt;
  }
  ShardName shard{.stem = std::string(name.substr(0, name.size() - kTail)),
                  .extension = std::string(path.substr(dot))};
  if (!absl::SimpleAtoi(name.substr(name.size() - kTail, kDigits),
                        &shard.number) ||
      !absl::SimpleAtoi(name.substr(name.size() - kDigits), &shard.count) ||
      shard.number < 1 || shard.number > shard.count) {
    return std::nullopt;
  }
  return shard;
}

std::string PathOf(const ShardName& shard, int64_t number) {
  return absl::StrFormat("%s%05d%s%05d%s", shard.stem, number, kOf, shard.count,
                         shard.extension);
}

}  // namespace

std::string FoldersWithWeightsHint(const std::string& folder) {
  std::vector<std::string> folders;
  for (const std::string& path : EntriesOf(folder)) {
    if (HasWeights(path)) folders.push_back(path);
  }
  if (folders.empty()) return "";
  return absl::StrCat("; of its folders there is ",
                      absl::StrJoin(folders, " and "));
}

absl::StatusOr<std::unique_ptr<TensorArchive>> OpenTensorArchive(
    const std::string& path) {
  std::error_code error;
  bool is_folder = std::filesystem::is_directory(path, error);
  HP_ASSIGN_OR_RETURN(ArchiveContents contents,
                      is_folder ? ListModelFolder(path) : ListFile(path));
  return std::make_unique<FileArchive>(path, std::move(contents));
}

absl::Status CheckShardsAreComplete(const std::vector<std::string>& files) {
  std::map<std::pair<std::string, int64_t>, std::set<int64_t>> sets;
  std::map<std::pair<std::string, int64_t>, ShardName> names;
  for (const std::string& file : files) {
    const std::optional<ShardName> shard = ParseShardName(file);
    if (!shard.has_value()) continue;
    sets[{shard->stem, shard->count}].insert(shard->number);
    names[{shard->stem, shard->count}] = *shard;
  }
  for (const auto& [set, numbers] : sets) {
    const ShardName& name = names.at(set);
    const auto missing = name.count - static_cast<int64_t>(numbers.size());
    if (missing == 0) continue;
    std::string list;
    size_t named = 0;
    for (int64_t i = 1; i <= name.count && named < kMostShardsNamed; ++i) {
      if (numbers.contains(i)) continue;
      const std::string path = PathOf(name, i);
      absl::StrAppend(&list, named == 0 ? "" : "; ", path, " ",
                      DescribeFile(path).text);
      ++named;
    }
    return absl::NotFoundError(absl::StrCat(
        missing, " of ", name.count, " parts of a model are missing: ", list));
  }
  return absl::OkStatus();
}

std::string PartHint(absl::string_view path) {
  const std::optional<ShardName> shard = ParseShardName(path);
  if (!shard.has_value() || shard->count == 1) return "";
  const size_t slash = shard->stem.rfind('/');
  const std::string folder =
      slash == std::string::npos ? "." : shard->stem.substr(0, slash);
  return absl::StrCat("; it is part ", shard->number, " of ", shard->count,
                      " of a model: name the folder ", folder);
}

}  // namespace halfpipe
