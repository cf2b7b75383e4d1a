#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/nearest.h"
#include "common/base/status.h"
#include "common/store/lora_archive.h"

namespace halfpipe {
namespace {

// A file of another kind has thousands of keys that are none.
constexpr size_t kMostKeysInAMessage = 20;
constexpr size_t kMostExamples = 3;

absl::Status UnknownKeys(const TensorArchive& archive,
                         const std::vector<std::string>& keys) {
  std::vector<std::string> lines;
  for (const std::string& key : keys) {
    if (lines.size() == kMostKeysInAMessage) break;
    NearestName nearest(key);
    for (const auto& [name, tensor] : archive.tensors()) {
      if (ParseLoraKey(name)) nearest.Offer(name);
    }
    lines.push_back(absl::StrCat(
        "'", key, "' is not a LoRA key of any known format", nearest.Hint()));
  }
  if (keys.size() > lines.size()) {
    lines.push_back(absl::StrCat("and ", keys.size() - lines.size(),
                                 " more keys of this kind"));
  }
  return absl::InvalidArgumentError(absl::StrCat(
      absl::StrJoin(lines, "\n  "),
      "; expected A and B matrices (lora_A/lora_B or lora_down/lora_up), "
      "alphas and differences (diff, diff_b) only"));
}

// An adapter of another kind: its A and B alone would be another update.
absl::Status RefuseOtherKinds(const TensorArchive& archive) {
  std::map<absl::string_view, std::vector<std::string>> found;
  for (const auto& [key, tensor] : archive.tensors()) {
    const absl::string_view kind = OtherAdapterKind(key);
    if (!kind.empty()) found[kind].push_back(key);
  }
  if (found.empty()) return absl::OkStatus();
  auto& [kind, keys] = *found.begin();
  const size_t count = keys.size();
  keys.resize(std::min(count, kMostExamples));
  return absl::InvalidArgumentError(absl::StrCat(
      "it is a ", kind, " adapter (", count, " keys such as '",
      absl::StrJoin(keys, "', '"),
      "'), which halfpipe does not read; give a plain LoRA, or merge this one "
      "into its model with the program that made it"));
}

absl::StatusOr<StoredLora> Measured(const TensorArchive& archive,
                                    const std::string& module,
                                    const LoraKeys& keys) {
  if (keys.a.empty() || keys.b.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "module '", module, "' has ",
        keys.a.empty() ? "no A (down)" : "no B (up)", " matrix, but '",
        !keys.a.empty()   ? keys.a
        : !keys.b.empty() ? keys.b
                          : keys.alpha,
        "'; the file is incomplete: export or download it again"));
  }
  const Shape& a = archive.tensors().at(keys.a).shape;
  const Shape& b = archive.tensors().at(keys.b).shape;
  if (a.size() > 2) {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", keys.a, "' is ", ShapeString(a),
        ", the LoRA of a convolution, which halfpipe does not read; remove its "
        "keys from the file, or merge the file into its model with the program "
        "that made it"));
  }
  if (a.size() != 2 || b.size() != 2 || a[0] != b[1] || a[0] == 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", keys.a, "' is ", ShapeString(a), " and '", keys.b, "' is ",
        ShapeString(b), "; expected [rank, in] and [out, rank]"));
  }
  return StoredLora{.keys = keys, .rank = a[0], .in = a[1], .out = b[0]};
}

// Sorts a file's keys.
class Sorter {
 public:
  explicit Sorter(const TensorArchive& archive) : archive_(archive) {
    size_t second = 0;
    for (const auto& [key, tensor] : archive.tensors()) {
      if (IsSecondExpertKey(key)) ++second;
    }
    two_experts_ = second > 0 && second < archive.tensors().size();
  }

  absl::Status Sort() {
    for (const auto& [key, tensor] : archive_.tensors()) {
      HP_RETURN_IF_ERROR(Take(key));
    }
    if (!unknown_.empty()) return UnknownKeys(archive_, unknown_);
    if (keys_.empty() && contents_.differences.empty()) {
      return absl::InvalidArgumentError("it holds no LoRA tensors");
    }
    return absl::OkStatus();
  }

  absl::StatusOr<LoraContents> Finish() {
    for (const auto& [module, keys] : keys_) {
      HP_ASSIGN_OR_RETURN(contents_.modules[module],
                          Measured(archive_, module, keys));
      const auto twice = contents_.differences.find(module + ".weight");
      if (twice == contents_.differences.end()) continue;
      return absl::InvalidArgumentError(absl::StrCat(
          "'", keys.a, "' and '", twice->second,
          "' both change the weight of '", module,
          "', and programs differ in what that means; remove one"));
    }
    return std::move(contents_);
  }

 private:
  absl::Status Take(const std::string& key) {
    if (two_experts_ && IsSecondExpertKey(key)) {
      contents_.second_expert.push_back(key);
      return absl::OkStatus();
    }
    if (const std::optional<LoraKey> parsed = ParseLoraKey(key)) {
      LoraKeys& keys = keys_[parsed->module];
      return Put(key, parsed->module,
                 parsed->part == LoraPart::kA   ? keys.a
                 : parsed->part == LoraPart::kB ? keys.b
                                                : keys.alpha);
    }
    if (const std::optional<std::string> tensor = ParseLoraDifference(key)) {
      return Put(key, *tensor, contents_.differences[*tensor]);
    }
    unknown_.push_back(key);
    return absl::OkStatus();
  }

  static absl::Status Put(const std::string& key, const std::string& owner,
                          std::string& slot) {
    if (!slot.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "'", slot, "' and '", key, "' both belong to module '", owner, "'"));
    }
    slot = key;
    return absl::OkStatus();
  }

  const TensorArchive& archive_;
  bool two_experts_ = false;
  std::map<std::string, LoraKeys> keys_;
  std::vector<std::string> unknown_;
  LoraContents contents_;
};

}  // namespace

absl::StatusOr<LoraContents> ListLora(const TensorArchive& archive) {
  HP_RETURN_IF_ERROR(RefuseOtherKinds(archive));
  Sorter sorter(archive);
  HP_RETURN_IF_ERROR(sorter.Sort());
  return sorter.Finish();
}

}  // namespace halfpipe
