#include "common/model/checkpoint.h"

#include <array>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/base/status.h"
#include "common/store/file_form.h"
#include "common/store/model_file_kind.h"
#include "common/store/quantised_weights.h"
#include "common/store/strict_json.h"
#include "common/store/tensor_archive.h"

namespace halfpipe {
namespace {

using Json = nlohmann::json;

constexpr int kConfigDepth = 16;

// In both the original release's config.json and diffusers'.
constexpr char kLayersKey[] = "num_layers";

absl::StatusOr<int64_t> PositiveField(const std::string& path,
                                      const Json& config, const char* key) {
  auto it = config.find(key);
  if (it == config.end() || !it->is_number_unsigned() ||
      it->get<uint64_t>() == 0 || it->get<uint64_t>() > (1u << 20)) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": ", key, ": expected a positive whole number, found ",
        it == config.end() ? "nothing" : it->dump()));
  }
  return it->get<int64_t>();
}

// diffusers describes a quantised model's form here.
absl::Status RefuseQuantised(const std::string& path, const Json& config) {
  const auto found = config.find("quantization_config");
  if (found == config.end() || found->is_null()) return absl::OkStatus();
  const auto method =
      found->is_object() ? found->find("quant_method") : found->end();
  return absl::InvalidArgumentError(absl::StrCat(
      path, ": quantization_config says that the weights are quantised (",
      found->is_object() && method != found->end() ? method->dump()
                                                   : found->dump(),
      "), which halfpipe does not read; download the bf16 or fp16 model"));
}

// The original release's config.json says "dim" and "num_heads".
absl::StatusOr<std::optional<HeadSizes>> OriginalHeadSizes(
    const std::string& path, const Json& config) {
  if (!config.contains("dim") || !config.contains("num_heads")) {
    return std::nullopt;
  }
  HP_ASSIGN_OR_RETURN(const int64_t dim, PositiveField(path, config, "dim"));
  HP_ASSIGN_OR_RETURN(const int64_t count,
                      PositiveField(path, config, "num_heads"));
  if (dim % count != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": dim ", dim, " is not a multiple of num_heads ", count));
  }
  return std::optional<HeadSizes>(
      HeadSizes{.count = count, .width = dim / count});
}

absl::StatusOr<std::optional<HeadSizes>> ReadHeadSizes(const std::string& path,
                                                       const Json& config) {
  if (!config.contains("num_attention_heads") &&
      !config.contains("attention_head_dim")) {
    return OriginalHeadSizes(path, config);
  }
  HeadSizes heads;
  HP_ASSIGN_OR_RETURN(heads.count,
                      PositiveField(path, config, "num_attention_heads"));
  HP_ASSIGN_OR_RETURN(heads.width,
                      PositiveField(path, config, "attention_head_dim"));
  return std::optional<HeadSizes>(heads);
}

// What config.json says that the tensors do not.
struct ConfigSizes {
  std::optional<HeadSizes> heads;
  std::optional<int64_t> layers;
};

absl::StatusOr<ConfigSizes> ReadConfig(const std::string& path) {
  const absl::Status form = CheckFileForm(path, FileForm::kJson);
  if (absl::IsNotFound(form)) return ConfigSizes();
  HP_RETURN_IF_ERROR(form);
  HP_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, 1 << 20));
  const absl::StatusOr<Json> parsed = ParseStrictJson(text, kConfigDepth);
  if (!parsed.ok() || !parsed->is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": ",
        parsed.ok() ? "expected a JSON object" : parsed.status().message()));
  }
  const Json& config = *parsed;
  HP_RETURN_IF_ERROR(RefuseQuantised(path, config));
  ConfigSizes sizes;
  HP_ASSIGN_OR_RETURN(sizes.heads, ReadHeadSizes(path, config));
  if (config.contains(kLayersKey)) {
    HP_ASSIGN_OR_RETURN(sizes.layers, PositiveField(path, config, kLayersKey));
  }
  return sizes;
}

// Blocks that are missing at the end leave no gap.
absl::Status CheckLayers(const std::string& path,
                         const std::string& config_path,
                         const ConfigSizes& sizes, int64_t layers) {
  if (!sizes.layers || *sizes.layers == layers) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      path, ": there are ", layers, " blocks, but ", config_path, " says ",
      kLayersKey, " ", *sizes.layers,
      "; the model is not whole, or that file is of another one: download both "
      "again, or write ",
      kLayersKey, " ", layers, " if blocks were taken out on purpose"));
}

std::vector<std::string> FilesOf(const TensorArchive& archive) {
  std::set<std::string> files;
  for (const auto& [name, tensor] : archive.tensors()) {
    files.insert(tensor.file);
  }
  return {files.begin(), files.end()};
}

std::string ConfigPath(const std::string& path) {
  std::error_code error;
  std::filesystem::path folder = path;
  if (!std::filesystem::is_directory(folder, error)) {
    folder = folder.parent_path();
  }
  return (folder / "config.json").string();
}

namespace fs = std::filesystem;

// "high_noise", "a14b-high": what stands beside the word.
constexpr std::array<const char*, 3> kBehind = {"_noise", "-noise", "noise"};
constexpr std::array<const char*, 2> kBefore = {"a14b_", "a14b-"};

bool Says(absl::string_view name, absl::string_view word) {
  for (const char* behind : kBehind) {
    if (absl::StrContains(name, absl::StrCat(word, behind))) return true;
  }
  for (const char* before : kBefore) {
    if (absl::StrContains(name, absl::StrCat(before, word))) return true;
  }
  return false;
}

WanExpert ExpertOfName(const std::string& name) {
  const std::string lower = absl::AsciiStrToLower(name);
  const bool high = Says(lower, "high");
  const bool low = Says(lower, "low");
  if (high == low) return WanExpert::kUnknown;
  return high ? WanExpert::kHighNoise : WanExpert::kLowNoise;
}

// The file, or what it is a link to if that says more.
std::string NamedPath(const std::string& file) {
  std::error_code error;
  const fs::path target = fs::read_symlink(file, error);
  return !error && ExpertOfPath(target.string()) != WanExpert::kUnknown
             ? target.string()
             : file;
}

}  // namespace

absl::StatusOr<WanCheckpoint> OpenWanCheckpoint(const std::string& path) {
  WanCheckpoint checkpoint;
  HP_ASSIGN_OR_RETURN(checkpoint.archive, OpenTensorArchive(path));
  HP_RETURN_IF_ERROR(
      CheckModelFileKind(*checkpoint.archive, ModelFileKind::kDit));
  HP_RETURN_IF_ERROR(CheckIsOneExpert(FilesOf(*checkpoint.archive)));
  HP_RETURN_IF_ERROR(CheckQuantisationWords(*checkpoint.archive));
  const std::string config_path = ConfigPath(path);
  HP_ASSIGN_OR_RETURN(const ConfigSizes sizes, ReadConfig(config_path));
  absl::StatusOr<WanVariant> variant =
      DetectWanVariant(path, checkpoint.archive->tensors(), sizes.heads);
  if (!variant.ok()) {
    return absl::Status(
        variant.status().code(),
        absl::StrCat(variant.status().message(), PartHint(path)));
  }
  HP_RETURN_IF_ERROR(
      CheckLayers(path, config_path, sizes, variant->spec.layers));
  HP_ASSIGN_OR_RETURN(const Quantisation quantised,
                      ReadQuantisation(path, checkpoint.archive->tensors()));
  HP_RETURN_IF_ERROR(CheckScaleNumbers(*checkpoint.archive, quantised));
  checkpoint.variant = *std::move(variant);
  return checkpoint;
}

WanExpert ExpertOfPath(absl::string_view path) {
  const fs::path place{std::string(path)};
  const WanExpert by_file = ExpertOfName(place.filename().string());
  return by_file != WanExpert::kUnknown
             ? by_file
             : ExpertOfName(place.parent_path().filename().string());
}

absl::Status CheckIsOneExpert(const std::vector<std::string>& files) {
  std::map<WanExpert, std::string> examples;
  for (const std::string& file : files) {
    const std::string named = NamedPath(file);
    examples.try_emplace(ExpertOfPath(named), named);
  }
  if (!examples.contains(WanExpert::kHighNoise) ||
      !examples.contains(WanExpert::kLowNoise)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      examples.at(WanExpert::kHighNoise),
      " is by its name of the high-noise expert, and ",
      examples.at(WanExpert::kLowNoise),
      " of the low-noise one: a model is one of them; give each its own "
      "folder"));
}

}  // namespace halfpipe
