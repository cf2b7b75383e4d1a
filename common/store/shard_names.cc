#include "common/store/shard_names.h"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "common/store/file_form.h"

namespace halfpipe {
namespace {

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
