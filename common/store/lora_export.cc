#include <cmath>
#include <deque>
#include <optional>

#include "absl/strings/str_cat.h"
#include "common/base/nearest.h"
#include "common/base/status.h"
#include "common/store/float_convert.h"
#include "common/store/lora_file.h"

namespace halfpipe {
namespace {

double AlphaOf(const LoraExport& lora, const LoraMatrices& adapter) {
  return adapter.alpha.value_or(lora.alpha);
}

absl::Status CheckAlpha(double alpha) {
  if (std::isfinite(alpha) && alpha > 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("alpha is ", alpha, "; expected a positive number"));
}

absl::Status CheckOptions(const LoraExport& lora) {
  if (lora.dtype != DType::kBF16 && lora.dtype != DType::kF32) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a LoRA file is BF16 or F32, not ", DTypeName(lora.dtype)));
  }
  const bool differs =
      lora.differences != nullptr && !lora.differences->empty();
  if (lora.adapters.empty() && !differs) {
    return absl::InvalidArgumentError("there is no adapter to write");
  }
  for (const LoraMatrices& adapter : lora.adapters) {
    HP_RETURN_IF_ERROR(CheckAlpha(AlphaOf(lora, adapter)));
  }
  return absl::OkStatus();
}

// The module's keys, once each of them is known to lead back to that module
// and the module to be part of the base model.
absl::StatusOr<LoraKeys> CheckedKeys(const LoraExport& lora,
                                     const LoraMatrices& adapter) {
  std::optional<LoraKeys> keys = LoraKeysFor(lora.format, adapter.module);
  if (!keys) {
    return absl::InvalidArgumentError(
        absl::StrCat("the format '", LoraFormatName(lora.format),
                     "' has no name for the module '", adapter.module, "'"));
  }
  for (const std::string* key : {&keys->a, &keys->b, &keys->alpha}) {
    if (key->empty()) continue;
    std::optional<LoraKey> back = ParseLoraKey(*key);
    if (back && back->module == adapter.module) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "the key '", *key, "' would not be found again as module '",
        adapter.module, "'; that module cannot be written as '",
        LoraFormatName(lora.format), "'"));
  }
  if (adapter.rank <= 0 || adapter.in <= 0 || adapter.out <= 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("module '", adapter.module, "' has an empty matrix"));
  }
  if (lora.base != nullptr) {
    HP_RETURN_IF_ERROR(
        CheckFitsBase(adapter.module, {adapter.in, adapter.out}, *lora.base));
  }
  return *std::move(keys);
}

// scale * values as `dtype`; the product is rounded to fp32 first.
std::string Pack(const float* values, int64_t count, float scale, DType dtype) {
  std::vector<float> scaled(values, values + count);
  for (float& value : scaled) value *= scale;
  std::string bytes(scaled.size() * SizeOf(dtype), '\0');
  EncodeFloats(dtype, scaled.data(), scaled.size(), bytes.data());
  return bytes;
}

// The tensors of a file and the memory they point to.
struct PackedTensors {
  std::vector<TensorToWrite> tensors;
  std::deque<std::string> buffers;  // never moves its elements

  void Add(std::string name, DType dtype, Shape shape, std::string bytes) {
    buffers.push_back(std::move(bytes));
    tensors.push_back(
        {std::move(name), dtype, std::move(shape), buffers.back().data()});
  }
};

void AddAdapter(const LoraExport& lora, const LoraMatrices& adapter,
                LoraKeys keys, PackedTensors& packed) {
  const bool folds = keys.alpha.empty();
  const double alpha = AlphaOf(lora, adapter);
  const float scale =
      folds ? static_cast<float>(alpha / static_cast<double>(adapter.rank))
            : 1.0f;
  packed.Add(std::move(keys.a), lora.dtype, {adapter.rank, adapter.in},
             Pack(adapter.a, adapter.rank * adapter.in, 1.0f, lora.dtype));
  packed.Add(std::move(keys.b), lora.dtype, {adapter.out, adapter.rank},
             Pack(adapter.b, adapter.out * adapter.rank, scale, lora.dtype));
  if (folds) return;
  const auto stored = static_cast<float>(alpha);
  packed.Add(std::move(keys.alpha), DType::kF32, {},
             Pack(&stored, 1, 1.0f, DType::kF32));
}

// OK when every difference has a key that leads back to it.
absl::Status CheckDifferences(const LoraExport& lora) {
  if (lora.differences == nullptr) return absl::OkStatus();
  for (const LoraDifference& difference : *lora.differences) {
    const std::optional<std::string> key =
        LoraDifferenceKey(lora.format, difference.tensor);
    if (key && ParseLoraDifference(*key) == difference.tensor) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "'", difference.key, "' and ", lora.differences->size() - 1,
        " more are differences of whole tensors, which the format '",
        LoraFormatName(lora.format),
        "' cannot hold; write comfyui or lightx2v, or merge the file into its "
        "model with --merge-into"));
  }
  return absl::OkStatus();
}

void AddDifferences(const LoraExport& lora, PackedTensors& packed) {
  if (lora.differences == nullptr) return;
  for (const LoraDifference& difference : *lora.differences) {
    packed.Add(
        *LoraDifferenceKey(lora.format, difference.tensor), lora.dtype,
        difference.shape,
        Pack(difference.values.data(),
             static_cast<int64_t>(difference.values.size()), 1.0f, lora.dtype));
  }
}

}  // namespace

absl::Status CheckFitsBase(const std::string& module, LinearShape shape,
                           const LinearShapes& base) {
  auto it = base.find(module);
  if (it == base.end()) {
    return absl::NotFoundError(
        absl::StrCat("the base model has no linear layer '", module, "'",
                     NearestNameHint(module, base)));
  }
  if (it->second.in == shape.in && it->second.out == shape.out) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "the LoRA of '", module, "' maps ", shape.in, " to ", shape.out,
      ", but the base model's layer maps ", it->second.in, " to ",
      it->second.out,
      "; it was trained for another model, or A and B were exchanged"));
}

absl::Status ExportLora(const std::string& path, const LoraExport& lora) {
  absl::Status options = CheckOptions(lora);
  options.Update(CheckDifferences(lora));
  if (!options.ok()) return Annotate(options, path);
  std::vector<LoraKeys> keys;
  for (const LoraMatrices& adapter : lora.adapters) {
    absl::StatusOr<LoraKeys> checked = CheckedKeys(lora, adapter);
    if (!checked.ok()) return Annotate(checked.status(), path);
    keys.push_back(*std::move(checked));
  }
  PackedTensors packed;
  for (size_t i = 0; i < keys.size(); ++i) {
    AddAdapter(lora, lora.adapters[i], std::move(keys[i]), packed);
  }
  AddDifferences(lora, packed);
  TensorMetadata metadata = lora.metadata;
  metadata["format"] = "pt";
  return WriteSafetensors(path, packed.tensors, metadata);
}

}  // namespace halfpipe
