#include "common/store/lora_archive.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/store/float_convert.h"

namespace halfpipe {
namespace {

absl::Status Invalid(absl::string_view what) {
  return absl::InvalidArgumentError(what);
}

// Each value of the product is rounded to fp32.
void FoldScale(LoraModule& module) {
  for (float& value : module.b) value *= static_cast<float>(module.scale);
  module.scale = 1.0;
}

bool HasKeyWith(const TensorArchive& archive, absl::string_view prefix) {
  return std::any_of(
      archive.tensors().begin(), archive.tensors().end(),
      [&](const auto& entry) { return absl::StartsWith(entry.first, prefix); });
}

}  // namespace

absl::StatusOr<LoraArchive> LoraArchive::Open(const std::string& path) {
  LoraArchive lora;
  HP_ASSIGN_OR_RETURN(lora.archive_, OpenTensorArchive(path));
  absl::StatusOr<LoraContents> contents = ListLora(*lora.archive_);
  if (!contents.ok()) return Annotate(contents.status(), path);
  lora.contents_ = *std::move(contents);
  if (absl::Status read = lora.ReadConfig(); !read.ok()) {
    return Annotate(read, path);
  }
  return lora;
}

absl::Status LoraArchive::ReadConfig() {
  if (HasKeyWith(*archive_, kPeftPrefix)) {
    const std::filesystem::path folder =
        std::filesystem::path(path()).parent_path();
    HP_ASSIGN_OR_RETURN(config_,
                        ReadPeftScale((folder / kPeftConfigName).string()));
    return absl::OkStatus();
  }
  const auto found = metadata().find(kDiffusersConfigKey);
  if (found == metadata().end()) return absl::OkStatus();
  std::string prefix;
  for (const char* part : {"transformer_2.", "transformer."}) {
    if (HasKeyWith(*archive_, part)) prefix = part;
  }
  HP_ASSIGN_OR_RETURN(config_, ReadDiffusersScale(found->second, prefix));
  return absl::OkStatus();
}

absl::StatusOr<double> LoraArchive::ReadAlpha(const std::string& key) const {
  HP_ASSIGN_OR_RETURN(const std::vector<float> alpha,
                      ReadFloats(*archive_, key));
  if (alpha.size() != 1 || !std::isfinite(alpha[0])) {
    return Invalid(absl::StrCat("'", key, "' is not one finite number"));
  }
  if (alpha[0] <= 0) {
    return Invalid(absl::StrCat("'", key, "' is ", alpha[0],
                                "; expected a positive number"));
  }
  return static_cast<double>(alpha[0]);
}

absl::StatusOr<double> LoraArchive::ScaleOf(const std::string& module) const {
  const StoredLora& stored = contents_.modules.at(module);
  if (!stored.keys.alpha.empty()) {
    absl::StatusOr<double> alpha = ReadAlpha(stored.keys.alpha);
    if (!alpha.ok()) return Annotate(alpha.status(), path());
    return *alpha / static_cast<double>(stored.rank);
  }
  if (!config_) return 1.0;
  if (config_->rank == stored.rank) return config_->scale;
  return Invalid(absl::StrCat(
      path(), ": '", stored.keys.a, "' has rank ", stored.rank, ", but its ",
      HasKeyWith(*archive_, kPeftPrefix) ? kPeftConfigName
                                         : kDiffusersConfigKey,
      " says r = ", config_->rank));
}

absl::StatusOr<std::vector<float>> LoraArchive::ReadFinite(
    const std::string& key) const {
  const ArchivedTensor& tensor = archive_->tensors().at(key);
  if (!IsFloatingPoint(tensor.dtype)) {
    return Invalid(absl::StrCat(
        path(), ": '", key, "' is ", DTypeName(tensor.dtype),
        "; expected F32, BF16 or F16: give the LoRA as it was trained"));
  }
  HP_ASSIGN_OR_RETURN(std::vector<float> values, ReadFloats(*archive_, key));
  const auto bad = std::find_if(values.begin(), values.end(),
                                [](float v) { return !std::isfinite(v); });
  if (bad == values.end()) return values;
  return Invalid(absl::StrCat(
      path(), ": '", key, "' holds ", std::isnan(*bad) ? "NaN" : "infinity",
      " at element ", bad - values.begin(),
      "; its training diverged or the file is damaged: give another one"));
}

absl::StatusOr<LoraModule> LoraArchive::Read(const std::string& module,
                                             LoraScale scale) const {
  const StoredLora& stored = contents_.modules.at(module);
  LoraModule result{.module = module,
                    .rank = stored.rank,
                    .in = stored.in,
                    .out = stored.out};
  HP_ASSIGN_OR_RETURN(result.a, ReadFinite(stored.keys.a));
  HP_ASSIGN_OR_RETURN(result.b, ReadFinite(stored.keys.b));
  HP_ASSIGN_OR_RETURN(result.scale, ScaleOf(module));
  if (scale == LoraScale::kInB) FoldScale(result);
  return result;
}

absl::StatusOr<LoraDifference> LoraArchive::ReadDifference(
    const std::string& tensor) const {
  const std::string& key = contents_.differences.at(tensor);
  LoraDifference result{
      .tensor = tensor, .key = key, .shape = archive_->tensors().at(key).shape};
  HP_ASSIGN_OR_RETURN(result.values, ReadFinite(key));
  return result;
}

DType LoraArchive::NarrowestDType() const {
  const auto is_bf16 = [&](const std::string& key) {
    return archive_->tensors().at(key).dtype == DType::kBF16;
  };
  for (const auto& [module, stored] : contents_.modules) {
    if (!is_bf16(stored.keys.a) || !is_bf16(stored.keys.b)) return DType::kF32;
  }
  for (const auto& [tensor, key] : contents_.differences) {
    if (!is_bf16(key)) return DType::kF32;
  }
  return DType::kBF16;
}

}  // namespace halfpipe
