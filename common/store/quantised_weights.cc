#include "common/store/quantised_weights.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/base/status.h"
#include "common/store/float_convert.h"

namespace halfpipe {
namespace {

constexpr absl::string_view kWeight = ".weight";
constexpr absl::string_view kInstead =
    "download the bf16 or fp16 file (fp8 is read too, plain or with "
    "scale_weight or weight_scale)";

// A tensor whose name ends so belongs to a form that is not read.
struct FormRow {
  absl::string_view ending;
  absl::string_view form;
};

constexpr std::array<FormRow, 30> kOtherForms = {{
    {".quant_state.bitsandbytes__nf4", "nf4 of bitsandbytes"},
    {".quant_state.bitsandbytes__fp4", "fp4 of bitsandbytes"},
    {".absmax", "4 bits of bitsandbytes"},
    {".quant_map", "4 bits of bitsandbytes"},
    {".nested_absmax", "4 bits of bitsandbytes"},
    {".nested_quant_map", "4 bits of bitsandbytes"},
    {".SCB", "int8 of bitsandbytes"},
    {".weight_format", "int8 of bitsandbytes"},
    {".qweight", "4 bits of GPTQ or AWQ"},
    {".qzeros", "4 bits of GPTQ or AWQ"},
    {".g_idx", "4 bits of GPTQ"},
    {".scales", "4 bits of GPTQ or AWQ"},
    {"._data", "a form of optimum-quanto"},
    {"._scale", "a form of optimum-quanto"},
    {"._shift", "a form of optimum-quanto"},
    {".W_q", "a form of HQQ"},
    {".wscales", "4 bits of SVDQuant"},
    {".smooth_factor", "4 bits of SVDQuant"},
    {".weight_scale_2", "nvfp4"},
    {".scale_weight_tensor", "fp8 with scales in two levels"},
    {".weight_scale_inv", "fp8 with scales of square blocks"},
    {".pre_quant_scale", "a form with smoothed weights"},
    {".weight_s_rel", "4 bits with 8 bit activations"},
    {".weight_s_channel", "4 bits with 8 bit activations"},
    {".weight_codebook", "4 bits with 8 bit activations"},
    {".weight_zero_point", "integers with a zero point"},
    {".zero_point", "integers with a zero point"},
    {".weight_packed", "4 bits of compressed-tensors"},
    {".weight_shape", "4 bits of compressed-tensors"},
    {".weight_global_scale", "nvfp4 of compressed-tensors"},
}};

constexpr std::array<absl::string_view, 2> kWeightScales = {".scale_weight",
                                                            ".weight_scale"};
constexpr std::array<absl::string_view, 2> kInputScales = {".scale_input",
                                                           ".input_scale"};

absl::Status InvalidWeights(const std::string& path,
                            absl::string_view problem) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", problem));
}

bool IsMark(absl::string_view name) {
  return name == "scaled_fp8" || absl::EndsWith(name, ".scaled_fp8");
}

bool IsScaleType(DType dtype) {
  return dtype == DType::kF32 || dtype == DType::kBF16 || dtype == DType::kF16;
}

// One number, one a row, or one a block of a row's columns.
bool IsScaleShape(const Shape& scale, const Shape& weight) {
  if (ElementCount(scale) == 1) return true;
  if (weight.size() != 2 || scale.empty() || scale[0] != weight[0]) {
    return false;
  }
  if (scale.size() == 1) return true;
  if (scale.size() == 2) return scale[1] == 1;
  return scale.size() == 3 && scale[2] == 1 && scale[1] > 0 &&
         weight[1] % scale[1] == 0;
}

class Reader {
 public:
  Reader(const std::string& path,
         const std::map<std::string, ArchivedTensor>& contents)
      : path_(path), contents_(contents) {}

  absl::StatusOr<Quantisation> Read() {
    for (const auto& [name, tensor] : contents_) {
      HP_RETURN_IF_ERROR(RefuseOtherForms(name));
    }
    for (const auto& [name, tensor] : contents_) {
      HP_RETURN_IF_ERROR(Take(name, tensor));
    }
    HP_RETURN_IF_ERROR(CheckUnscaled());
    return std::move(result_);
  }

 private:
  absl::Status RefuseOtherForms(absl::string_view name) const {
    for (const FormRow& row : kOtherForms) {
      if (!absl::EndsWith(name, row.ending)) continue;
      return InvalidWeights(
          path_,
          absl::StrCat("tensor ", name, " says that its weights are in ",
                       row.form, ", which halfpipe does not read; ", kInstead));
    }
    return absl::OkStatus();
  }

  absl::Status Take(const std::string& name, const ArchivedTensor& tensor) {
    if (IsMark(name)) {
      marked_ = true;
      result_.beside.insert(name);
      return absl::OkStatus();
    }
    for (absl::string_view ending : kWeightScales) {
      absl::string_view base = name;
      if (!absl::ConsumeSuffix(&base, ending)) continue;
      result_.beside.insert(name);
      return Attach(name, tensor, absl::StrCat(base, kWeight));
    }
    for (absl::string_view ending : {kInputScales[0], kInputScales[1],
                                     absl::string_view(".comfy_quant")}) {
      absl::string_view base = name;
      if (!absl::ConsumeSuffix(&base, ending)) continue;
      marked_ = true;
      result_.beside.insert(name);
      if (contents_.contains(absl::StrCat(base, kWeight))) break;
      return Orphan(name, absl::StrCat(base, kWeight));
    }
    return absl::OkStatus();
  }

  absl::Status Orphan(const std::string& name,
                      const std::string& weight) const {
    return InvalidWeights(path_,
                          absl::StrCat("there is ", name, ", but no ", weight,
                                       " that it belongs to; the file is not "
                                       "whole: ",
                                       kInstead));
  }

  absl::Status Attach(const std::string& name, const ArchivedTensor& scale,
                      const std::string& weight) {
    const auto found = contents_.find(weight);
    if (found == contents_.end()) return Orphan(name, weight);
    const ArchivedTensor& values = found->second;
    if (!IsFp8(values.dtype)) {
      return InvalidWeights(
          path_, absl::StrCat("tensor ", weight, " is ",
                              DTypeName(values.dtype), " with a scale (", name,
                              "), expected F8_E4M3 or F8_E5M2; ", kInstead));
    }
    if (!IsScaleShape(scale.shape, values.shape) || !IsScaleType(scale.dtype)) {
      return InvalidWeights(
          path_,
          absl::StrCat("scale ", name, " of the fp8 tensor ", weight, " is ",
                       DTypeName(scale.dtype), " ", ShapeString(scale.shape),
                       "; expected one number, or one for each row or block "
                       "of ",
                       ShapeString(values.shape), " as F32, BF16 or F16; ",
                       kInstead));
    }
    const auto [slot, fresh] = result_.scales.try_emplace(weight, name);
    if (fresh) return absl::OkStatus();
    return InvalidWeights(
        path_, absl::StrCat("tensor ", weight, " has two scales, ",
                            slot->second, " and ", name, "; ", kInstead));
  }

  // In a file with scales an fp8 tensor without one is not plain: its scale
  // was lost.
  absl::Status CheckUnscaled() const {
    if (!marked_ && result_.scales.empty()) return absl::OkStatus();
    for (const auto& [name, tensor] : contents_) {
      if (!IsFp8(tensor.dtype) || result_.beside.contains(name) ||
          result_.scales.contains(name)) {
        continue;
      }
      return InvalidWeights(
          path_,
          absl::StrCat("tensor ", name, " is ", DTypeName(tensor.dtype),
                       " without a scale, but the file says that its fp8 "
                       "weights have one (",
                       absl::StripSuffix(name, kWeight),
                       ".scale_weight or .weight_scale); ", kInstead));
    }
    return absl::OkStatus();
  }

  const std::string& path_;
  const std::map<std::string, ArchivedTensor>& contents_;
  bool marked_ = false;  // something says that there are scales
  Quantisation result_;
};

// Whether the fp8 values [begin, begin + count) of `weight` are all zero, of
// either sign.
absl::StatusOr<bool> AreZero(const TensorArchive& archive,
                             const std::string& weight, uint64_t begin,
                             uint64_t count) {
  std::vector<unsigned char> values(count);
  HP_RETURN_IF_ERROR(archive.ReadRange(weight, begin, count, values.data()));
  return std::all_of(values.begin(), values.end(),
                     [](unsigned char bits) { return (bits & 0x7f) == 0; });
}

absl::Status CheckNumbers(const TensorArchive& archive,
                          const std::string& weight, const std::string& scale) {
  HP_ASSIGN_OR_RETURN(const std::vector<float> numbers,
                      ReadFloats(archive, scale));
  const uint64_t values = archive.tensors().at(weight).bytes;
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (std::isfinite(numbers[i]) && numbers[i] > 0) continue;
    if (numbers[i] == 0) {
      // A row's blocks follow one another, so each number is of the next piece.
      const uint64_t each = values / numbers.size();
      HP_ASSIGN_OR_RETURN(const bool zero,
                          AreZero(archive, weight, i * each, each));
      if (zero) continue;
    }
    return InvalidWeights(
        archive.path(),
        absl::StrCat("scale ", scale, " of the fp8 tensor ", weight, " is ",
                     numbers[i], " at element ", i,
                     "; expected a number above zero: the file is damaged, ",
                     "download it again, or ", kInstead));
  }
  return absl::OkStatus();
}

}  // namespace

bool IsFp8(DType dtype) {
  return dtype == DType::kF8E4M3 || dtype == DType::kF8E5M2;
}

absl::StatusOr<Quantisation> ReadQuantisation(
    const std::string& path,
    const std::map<std::string, ArchivedTensor>& contents) {
  return Reader(path, contents).Read();
}

absl::Status CheckScaleNumbers(const TensorArchive& archive,
                               const Quantisation& quantised) {
  for (const auto& [weight, scale] : quantised.scales) {
    HP_RETURN_IF_ERROR(CheckNumbers(archive, weight, scale));
  }
  return absl::OkStatus();
}

}  // namespace halfpipe
