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

// The folder of the file, or the one that was named in its place.
std::filesystem::path FolderOf(const std::string& path) {
  std::error_code error;
  const std::filesystem::path named = path;
  return std::filesystem::is_directory(named, error) ? named
                                                     : named.parent_path();
}

template <typename Number>
absl::StatusOr<double> ReadAs(const TensorArchive& archive,
                              const std::string& key) {
  Number number = 0;
  HP_RETURN_IF_ERROR(archive.Read(key, &number));
  return static_cast<double>(number);
}

// Whether the folder's adapter_config.json is of this file by peft's rules.
bool HasPeftFileName(const std::string& path) {
  std::error_code error;
  const std::filesystem::path named = path;
  return std::filesystem::is_directory(named, error) ||
         absl::StartsWith(named.filename().string(), "adapter_model.");
}

// The one number of a tensor. torch.tensor(16) is I64, as musubi's converter
// writes it, and torch.tensor of a NumPy number of its dtype.
absl::StatusOr<double> ReadNumber(const TensorArchive& archive,
                                  const std::string& key) {
  const ArchivedTensor& tensor = archive.tensors().at(key);
  if (ElementCount(tensor.shape) != 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", key, "' is ", ShapeString(tensor.shape), "; expected one number"));
  }
  if (tensor.dtype == DType::kU8) return ReadAs<uint8_t>(archive, key);
  if (tensor.dtype == DType::kI8) return ReadAs<int8_t>(archive, key);
  if (tensor.dtype == DType::kI16) return ReadAs<int16_t>(archive, key);
  if (tensor.dtype == DType::kI32) return ReadAs<int32_t>(archive, key);
  if (tensor.dtype == DType::kI64) return ReadAs<int64_t>(archive, key);
  if (tensor.dtype == DType::kF64) return ReadAs<double>(archive, key);
  if (!IsFloatingPoint(tensor.dtype)) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", key, "' is ", DTypeName(tensor.dtype),
                     "; expected a float or a whole number"));
  }
  HP_ASSIGN_OR_RETURN(const std::vector<float> values,
                      ReadFloats(archive, key));
  return static_cast<double>(values[0]);
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
    HP_RETURN_IF_ERROR(ReadConfigBeside());
  }
  if (!config_) HP_RETURN_IF_ERROR(ReadConfigInMetadata());
  // diffusion-pipe puts peft's file beside keys of ComfyUI.
  if (config_ || EachModuleHasAlpha()) return absl::OkStatus();
  return ReadConfigBeside();
}

absl::Status LoraArchive::ReadConfigBeside() {
  config_name_ = kPeftConfigName;
  HP_ASSIGN_OR_RETURN(
      config_, ReadPeftScale((FolderOf(path()) / kPeftConfigName).string()));
  return absl::OkStatus();
}

absl::Status LoraArchive::ReadConfigInMetadata() {
  std::string prefix;
  for (const char* part : {"transformer_2.", "transformer."}) {
    if (HasKeyWith(*archive_, part)) prefix = part;
  }
  for (const char* key : {kDiffusersConfigKey, kFinetrainersConfigKey}) {
    const auto found = metadata().find(key);
    if (found == metadata().end()) continue;
    for (const std::string& before : {prefix, std::string()}) {
      if (config_) return absl::OkStatus();
      config_name_ = key;
      HP_ASSIGN_OR_RETURN(config_,
                          ReadMetadataScale(key, found->second, before));
    }
  }
  return absl::OkStatus();
}

bool LoraArchive::EachModuleHasAlpha() const {
  return std::all_of(
      contents_.modules.begin(), contents_.modules.end(),
      [](const auto& entry) { return !entry.second.keys.alpha.empty(); });
}

absl::StatusOr<double> LoraArchive::ReadAlpha(const std::string& key) const {
  HP_ASSIGN_OR_RETURN(const double alpha, ReadNumber(*archive_, key));
  if (std::isfinite(alpha) && alpha > 0) return alpha;
  return absl::InvalidArgumentError(
      absl::StrCat("'", key, "' is ", alpha, "; expected a positive number"));
}

std::string LoraArchive::ScaleWarning() const {
  if (EachModuleHasAlpha()) return "";
  const bool peft = HasKeyWith(*archive_, kPeftPrefix);
  if (config_) {
    if (config_name_ != kPeftConfigName || peft || config_->scale == 1 ||
        HasPeftFileName(path())) {
      return "";
    }
    return absl::StrCat(path(), " is scaled by ", config_->scale, " as the ",
                        kPeftConfigName,
                        " beside it says; move that file away if it is of "
                        "another LoRA");
  }
  for (const auto& [key, text] : metadata()) {
    if (!absl::StrContains(key, "lora_alpha") &&
        !absl::StrContains(text, "lora_alpha")) {
      continue;
    }
    return absl::StrCat(path(), " has a lora_alpha in its metadata (", key,
                        ") that fits none of its keys and is not read: B is "
                        "taken as it is; put an ",
                        kPeftConfigName, " with r and lora_alpha beside it");
  }
  if (!peft) return "";
  return absl::StrCat(
      path(), " has peft's names, but there is no ", kPeftConfigName,
      " beside it, which has its alpha: B is taken as it is; put that file "
      "there if the LoRA was trained with an alpha other than its rank");
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
  return absl::InvalidArgumentError(
      absl::StrCat(path(), ": '", stored.keys.a, "' has rank ", stored.rank,
                   ", but its ", config_name_, " says r = ", config_->rank,
                   "; give the one that the LoRA was trained with"));
}

absl::StatusOr<std::vector<float>> LoraArchive::ReadFinite(
    const std::string& key) const {
  const ArchivedTensor& tensor = archive_->tensors().at(key);
  if (!IsFloatingPoint(tensor.dtype)) {
    return absl::InvalidArgumentError(absl::StrCat(
        path(), ": '", key, "' is ", DTypeName(tensor.dtype),
        "; expected F32, BF16 or F16: give the LoRA as it was trained"));
  }
  HP_ASSIGN_OR_RETURN(std::vector<float> values, ReadFloats(*archive_, key));
  const auto bad = std::find_if(values.begin(), values.end(),
                                [](float v) { return !std::isfinite(v); });
  if (bad == values.end()) return values;
  return absl::InvalidArgumentError(absl::StrCat(
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
