
#include <filesystem>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/base/nearest.h"
#include "common/base/status.h"
#include "common/store/archive_contents.h"
#include "common/store/file_form.h"
#include "common/store/safetensors_file.h"
#include "common/store/strict_json.h"

namespace halfpipe {
namespace {

using nlohmann::json;

constexpr uint64_t kMaxIndexBytes = 100'000'000;
constexpr int kIndexDepth = 16;  // "metadata" is free-form
constexpr size_t kMostTensorsNamed = 3;
using TensorsOfShard = std::map<std::string, std::set<std::string>>;

absl::StatusOr<TensorsOfShard> ReadWeightMap(const std::string& path) {
  HP_RETURN_IF_ERROR(CheckFileForm(path, FileForm::kJson));
  HP_ASSIGN_OR_RETURN(std::string text, ReadFile(path, kMaxIndexBytes));
  absl::StatusOr<json> root = ParseStrictJson(text, kIndexDepth);
  if (!root.ok()) return Annotate(root.status(), path);
  auto map = root->is_object() ? root->find("weight_map") : root->end();
  if (!root->is_object() || map == root->end() || !map->is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " has no \"weight_map\" object"));
  }
  TensorsOfShard shards;
  for (const auto& [tensor, shard] : map->items()) {
    if (!shard.is_string() ||
        !IsPlainFileName(shard.get_ref<const std::string&>())) {
      return absl::InvalidArgumentError(absl::StrCat(
          path, ": tensor '", tensor, "' is mapped to ", shard.dump(),
          "; expected the name of a file in the same folder"));
    }
    shards[shard.get<std::string>()].insert(tensor);
  }
  return shards;
}

// OK where each shard is there with its content; else what is wrong with those
// that are not.
absl::Status CheckShards(const std::string& index_path,
                         const std::filesystem::path& folder,
                         const TensorsOfShard& shards) {
  absl::Status first;
  std::string text;
  size_t bad = 0;
  for (const auto& [file, wanted] : shards) {
    const absl::Status form =
        CheckFileForm((folder / file).string(), FileForm::kSafetensors);
    if (form.ok()) continue;
    first.Update(form);
    if (++bad > kMostTensorsNamed) continue;
    absl::StrAppend(&text, bad == 1 ? "" : "; ", form.message());
  }
  if (bad == 0) return absl::OkStatus();
  const std::string which =
      bad == 1 ? "a shard"
               : absl::StrCat(bad, " of ", shards.size(), " shards");
  return absl::Status(first.code(),
                      absl::StrCat(which, " of ", index_path, ": ", text));
}

// Keeps of `shard` only what the index takes from it, and all of that. What the
// index does not know at all may be a weight's scale, and is not left out in
// silence.
absl::Status Select(const std::set<std::string>& wanted,
                    const std::set<std::string>& listed,
                    const std::string& index_path, ArchiveContents& shard) {
  for (const std::string& name : wanted) {
    if (shard.tensors.contains(name)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(index_path, " places tensor '", name, "' in ",
                     shard.files.front()->path(), ", which does not hold it",
                     NearestNameHint(name, shard.tensors)));
  }
  for (const auto& [name, tensor] : shard.tensors) {
    if (listed.contains(name)) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        tensor.file, " holds tensor '", name, "', which ", index_path,
        " does not list: the two are not of one download; download both again, "
        "or move the index away"));
  }
  std::erase_if(shard.tensors, [&](const auto& entry) {
    return !wanted.contains(entry.first);
  });
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ArchiveContents> ListSafetensorsIndex(const std::string& path) {
  HP_ASSIGN_OR_RETURN(TensorsOfShard shards, ReadWeightMap(path));
  const std::filesystem::path folder =
      std::filesystem::path(path).parent_path();
  HP_RETURN_IF_ERROR(CheckShards(path, folder, shards));
  std::set<std::string> listed;
  for (const auto& [file, wanted] : shards) {
    listed.insert(wanted.begin(), wanted.end());
  }
  ArchiveContents contents;
  for (const auto& [file, wanted] : shards) {
    absl::StatusOr<ArchiveContents> shard =
        ListSafetensors((folder / file).string());
    if (!shard.ok()) {
      return Annotate(shard.status(), absl::StrCat("a shard of ", path));
    }
    HP_RETURN_IF_ERROR(Select(wanted, listed, path, *shard));
    HP_RETURN_IF_ERROR(MergeContents(*std::move(shard), contents));
  }
  return contents;
}

}  // namespace halfpipe
