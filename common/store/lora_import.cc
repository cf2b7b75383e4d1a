#include <cmath>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/store/float_convert.h"
#include "common/store/lora_file.h"
#include "common/store/nearest_name.h"
#include "common/store/peft_config.h"
#include "common/store/tensor_archive.h"

namespace halfpipe {
namespace {

absl::Status Invalid(absl::string_view what) {
  return absl::InvalidArgumentError(what);
}

// The keys of each module, as the file spells them.
using KeysOfModule = std::map<std::string, LoraKeys>;

// A file of another kind has thousands of keys that are none.
constexpr size_t kMostKeysInAMessage = 20;

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
  return Invalid(absl::StrCat(
      absl::StrJoin(lines, "\n  "),
      "; expected A and B matrices (lora_A/lora_B or lora_down/lora_up) and "
      "alphas only"));
}

absl::StatusOr<KeysOfModule> GroupKeys(const TensorArchive& archive) {
  KeysOfModule modules;
  std::vector<std::string> unknown;
  for (const auto& [key, tensor] : archive.tensors()) {
    std::optional<LoraKey> parsed = ParseLoraKey(key);
    if (!parsed) {
      unknown.push_back(key);
      continue;
    }
    LoraKeys& keys = modules[parsed->module];
    std::string& slot = parsed->part == LoraPart::kA   ? keys.a
                        : parsed->part == LoraPart::kB ? keys.b
                                                       : keys.alpha;
    if (!slot.empty()) {
      return Invalid(absl::StrCat("'", slot, "' and '", key,
                                  "' both belong to module '", parsed->module,
                                  "'"));
    }
    slot = key;
  }
  if (!unknown.empty()) return UnknownKeys(archive, unknown);
  if (modules.empty()) return Invalid("it holds no LoRA tensors");
  return modules;
}

absl::StatusOr<double> ReadAlpha(const TensorArchive& archive,
                                 const std::string& key) {
  if (archive.tensors().at(key).dtype == DType::kF64) {
    return Invalid(absl::StrCat("'", key, "' is F64; expected F32 or BF16"));
  }
  HP_ASSIGN_OR_RETURN(std::vector<float> alpha, ReadFloats(archive, key));
  if (alpha.size() != 1 || !std::isfinite(alpha[0])) {
    return Invalid(absl::StrCat("'", key, "' is not one finite number"));
  }
  return static_cast<double>(alpha[0]);
}

// alpha / rank of one module.
absl::StatusOr<double> ScaleOf(const TensorArchive& archive,
                               const LoraKeys& keys, int64_t rank,
                               const std::optional<PeftScale>& peft) {
  if (!keys.alpha.empty()) {
    HP_ASSIGN_OR_RETURN(double alpha, ReadAlpha(archive, keys.alpha));
    return alpha / static_cast<double>(rank);
  }
  if (!peft) return 1.0;
  if (peft->rank != rank) {
    return Invalid(
        absl::StrCat("'", keys.a, "' has rank ", rank,
                     ", but adapter_config.json says r = ", peft->rank));
  }
  return peft->scale;
}

absl::StatusOr<LoraModule> ReadModule(const TensorArchive& archive,
                                      const std::string& module,
                                      const LoraKeys& keys,
                                      const std::optional<PeftScale>& peft) {
  if (keys.a.empty() || keys.b.empty()) {
    return Invalid(absl::StrCat("module '", module, "' has ",
                                keys.a.empty() ? "no A (down)" : "no B (up)",
                                " matrix"));
  }
  const Shape& a = archive.tensors().at(keys.a).shape;
  const Shape& b = archive.tensors().at(keys.b).shape;
  if (a.size() != 2 || b.size() != 2 || a[0] != b[1] || a[0] == 0) {
    return Invalid(absl::StrCat("'", keys.a, "' is ", ShapeString(a), " and '",
                                keys.b, "' is ", ShapeString(b),
                                "; expected [rank, in] and [out, rank]"));
  }
  LoraModule result{.module = module, .rank = a[0], .in = a[1], .out = b[0]};
  HP_ASSIGN_OR_RETURN(result.a, ReadFloats(archive, keys.a));
  HP_ASSIGN_OR_RETURN(result.b, ReadFloats(archive, keys.b));
  HP_ASSIGN_OR_RETURN(result.scale, ScaleOf(archive, keys, result.rank, peft));
  return result;
}

// Each value of the product is rounded to fp32.
void FoldScale(LoraModule& module) {
  for (float& value : module.b) value *= static_cast<float>(module.scale);
  module.scale = 1.0;
}

bool IsBF16(const TensorArchive& archive, const LoraKeys& keys) {
  return archive.tensors().at(keys.a).dtype == DType::kBF16 &&
         archive.tensors().at(keys.b).dtype == DType::kBF16;
}

absl::StatusOr<LoraFile> ReadLora(const TensorArchive& archive,
                                  const std::string& path, LoraScale scale) {
  HP_ASSIGN_OR_RETURN(KeysOfModule modules, GroupKeys(archive));
  std::optional<PeftScale> peft;
  if (absl::StartsWith(archive.tensors().begin()->first, kPeftPrefix)) {
    std::filesystem::path folder = std::filesystem::path(path).parent_path();
    HP_ASSIGN_OR_RETURN(peft,
                        ReadPeftScale((folder / kPeftConfigName).string()));
  }
  LoraFile file;
  file.metadata = archive.metadata();
  file.dtype = DType::kBF16;
  for (const auto& [module, keys] : modules) {
    HP_ASSIGN_OR_RETURN(LoraModule read,
                        ReadModule(archive, module, keys, peft));
    if (scale == LoraScale::kInB) FoldScale(read);
    if (!IsBF16(archive, keys)) file.dtype = DType::kF32;
    file.modules.push_back(std::move(read));
  }
  return file;
}

}  // namespace

absl::StatusOr<LoraFile> ImportLora(const std::string& path, LoraScale scale) {
  HP_ASSIGN_OR_RETURN(std::unique_ptr<TensorArchive> archive,
                      OpenTensorArchive(path));
  absl::StatusOr<LoraFile> file = ReadLora(*archive, path, scale);
  if (!file.ok()) return Annotate(file.status(), path);
  return file;
}

}  // namespace halfpipe
