#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/base/status.h"
#include "common/store/quantised_weights.h"
#include "common/store/strict_json.h"

namespace halfpipe {
namespace {

using nlohmann::json;

constexpr char kMetadataKey[] = "_quantization_metadata";
constexpr absl::string_view kWordsEnding = ".comfy_quant";
constexpr uint64_t kMostWords = 64 << 10;
constexpr int kDepth = 16;

absl::Status InvalidWords(absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat(what, "; download the bf16 or fp16 file"));
}

// What one layer's words say of the weight that the file has for it.
absl::Status CheckWords(const json& words, const std::string& layer,
                        const TensorArchive& archive) {
  if (!words.is_object() || !words.contains("format") ||
      !words["format"].is_string()) {
    return InvalidWords(absl::StrCat("the description of ", layer,
                                     " names no format (", words.dump(), ")"));
  }
  const std::string format = words["format"].get<std::string>();
  const bool e4m3 = format == "float8_e4m3fn";
  if (!e4m3 && format != "float8_e5m2") {
    return InvalidWords(absl::StrCat("the weight of ", layer, " is in ", format,
                                     ", which halfpipe does not read"));
  }
  for (const auto& [word, value] : words.items()) {
    // Asks for products in full precision, as all are here.
    if (word == "format" || word == "full_precision_matrix_mult") continue;
    // Early files have it, with nothing in it.
    if (word == "params" && value.empty()) continue;
    return InvalidWords(absl::StrCat("the description of ", layer, " says ",
                                     word, ": ", value.dump(),
                                     ", which halfpipe does not know"));
  }
  const auto weight = archive.tensors().find(layer + ".weight");
  if (weight == archive.tensors().end()) return absl::OkStatus();
  if (weight->second.dtype != (e4m3 ? DType::kF8E4M3 : DType::kF8E5M2)) {
    return InvalidWords(absl::StrCat("the description of ", layer, " says ",
                                     format, ", but its weight is ",
                                     DTypeName(weight->second.dtype)));
  }
  if (archive.tensors().contains(layer + ".weight_scale") ||
      archive.tensors().contains(layer + ".scale_weight")) {
    return absl::OkStatus();
  }
  return InvalidWords(absl::StrCat("the description of ", layer, " says ",
                                   format, ", but there is no ", layer,
                                   ".weight_scale"));
}

absl::Status CheckWordsIn(const std::string& name, const ArchivedTensor& tensor,
                          const TensorArchive& archive) {
  if (tensor.dtype != DType::kU8 || tensor.bytes > kMostWords) {
    return InvalidWords(absl::StrCat(
        "tensor ", name, " is ", DTypeName(tensor.dtype), " ",
        ShapeString(tensor.shape), ", expected a description in U8"));
  }
  std::string text(tensor.bytes, '\0');
  HP_RETURN_IF_ERROR(archive.Read(name, text.data()));
  const absl::StatusOr<json> words = ParseStrictJson(text, kDepth);
  if (!words.ok()) {
    return InvalidWords(
        absl::StrCat("tensor ", name, ": ", words.status().message()));
  }
  return CheckWords(*words, std::string(absl::StripSuffix(name, kWordsEnding)),
                    archive);
}

absl::Status CheckMetadata(const std::string& text,
                           const TensorArchive& archive) {
  const absl::StatusOr<json> root = ParseStrictJson(text, kDepth);
  if (!root.ok()) {
    return InvalidWords(
        absl::StrCat(kMetadataKey, ": ", root.status().message()));
  }
  if (!root->is_object()) {
    return InvalidWords(absl::StrCat(kMetadataKey, " is no object"));
  }
  const auto layers = root->find("layers");
  if (layers == root->end()) return absl::OkStatus();
  if (!layers->is_object()) {
    return InvalidWords(
        absl::StrCat(kMetadataKey, ": \"layers\" is no object"));
  }
  for (const auto& [layer, words] : layers->items()) {
    HP_RETURN_IF_ERROR(CheckWords(words, layer, archive));
  }
  return absl::OkStatus();
}

absl::Status CheckAll(const TensorArchive& archive) {
  for (const auto& [name, tensor] : archive.tensors()) {
    if (!absl::EndsWith(name, kWordsEnding)) continue;
    HP_RETURN_IF_ERROR(CheckWordsIn(name, tensor, archive));
  }
  const auto metadata = archive.metadata().find(kMetadataKey);
  if (metadata == archive.metadata().end()) return absl::OkStatus();
  return CheckMetadata(metadata->second, archive);
}

}  // namespace

absl::Status CheckQuantisationWords(const TensorArchive& archive) {
  const absl::Status status = CheckAll(archive);
  return status.ok() ? status : Annotate(status, archive.path());
}

}  // namespace halfpipe
