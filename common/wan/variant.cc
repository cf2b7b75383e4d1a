#include "common/wan/variant.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "common/base/status.h"
#include "common/store/wan_names.h"

namespace halfpipe {
namespace {

constexpr int64_t kDefaultHeadWidth = 128;

// Tensors that only models of another kind have, by what their names start
// with after the prefix.
struct ForeignMark {
  const char* start;
  const char* model;
};

constexpr std::array<ForeignMark, 17> kForeignMarks = {{
    {"vace_", "VACE"},
    {"face_adapter.", "Animate"},
    {"pose_patch_embedding.", "Animate"},
    {"motion_encoder.", "Animate"},
    {"face_encoder.", "Animate"},
    {"casual_audio_encoder.", "S2V"},
    {"audio_injector.", "S2V"},
    {"trainable_cond_mask.", "S2V"},
    {"frame_packer.", "S2V"},
    {"cond_encoder.", "S2V"},
    {"music_", "WanToDance"},
    {"patch_embedding_global.", "WanToDance"},
    {"head_global.", "WanToDance"},
    {"img_emb_ref", "WanToDance"},
    {"ref_conv.", "Fun Control with a reference convolution"},
    {"control_adapter.", "Fun Camera Control"},
    {"text_model.", "text encoder"},
}};

constexpr std::array<const char*, 4> kScaleSuffixes = {
    ".scale_weight", ".weight_scale", ".scale_input", ".input_scale"};

// The contents under native names, beside what stands outside the model.
struct NativeContents {
  std::map<std::string, StoredTensor> tensors;
  std::map<std::string, const ArchivedTensor*> scales;  // by stored name
};

absl::Status Invalid(const std::string& path, absl::string_view problem) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", problem));
}

absl::StatusOr<std::string> FindPrefix(
    const std::string& path,
    const std::map<std::string, ArchivedTensor>& contents) {
  for (const char* prefix :
       {"", "model.diffusion_model.", "model.", "diffusion_model."}) {
    if (contents.count(absl::StrCat(prefix, "patch_embedding.weight")) != 0) {
      return std::string(prefix);
    }
  }
  return Invalid(path,
                 "not a Wan DiT: there is no tensor patch_embedding.weight; "
                 "give the folder or file of the diffusion transformer");
}

bool IsScale(absl::string_view name) {
  return name == "scaled_fp8" ||
         std::any_of(
             kScaleSuffixes.begin(), kScaleSuffixes.end(),
             [&](const char* suffix) { return absl::EndsWith(name, suffix); });
}

absl::StatusOr<NativeContents> ReadContents(
    const std::string& path,
    const std::map<std::string, ArchivedTensor>& contents) {
  HP_ASSIGN_OR_RETURN(const std::string prefix, FindPrefix(path, contents));
  const bool diffusers =
      contents.count(
          absl::StrCat(prefix, "condition_embedder.time_proj.weight")) != 0;
  NativeContents result;
  for (const auto& [stored, tensor] : contents) {
    std::string name(absl::StripPrefix(stored, prefix));
    if (IsScale(name)) {
      result.scales[stored] = &tensor;
      continue;
    }
    if (diffusers) name = DiffusersToNative(name).value_or(name);
    result.tensors[name] = {stored, "", tensor.dtype, tensor.shape};
  }
  return result;
}

// Names the model when the tensors belong to a kind that is not supported.
absl::Status RefuseForeign(const std::string& path,
                           const NativeContents& contents) {
  for (const ForeignMark& mark : kForeignMarks) {
    std::vector<std::string> found;
    for (const auto& [name, tensor] : contents.tensors) {
      if (absl::StartsWith(name, mark.start)) found.push_back(tensor.name);
    }
    if (found.empty()) continue;
    const size_t count = found.size();
    found.resize(std::min<size_t>(count, 3));
    return Invalid(path, absl::StrCat("this is a ", mark.model,
                                      " model, which is not supported: ", count,
                                      " tensors belong to it, such as ",
                                      absl::StrJoin(found, ", ")));
  }
  return absl::OkStatus();
}

// The shape of `name`, which must have `rank` sizes of at least 1.
absl::StatusOr<Shape> ShapeOfRank(const std::string& path,
                                  const NativeContents& contents,
                                  const std::string& name, size_t rank) {
  auto it = contents.tensors.find(name);
  if (it == contents.tensors.end()) {
    return Invalid(path, absl::StrCat("tensor ", name, " is missing"));
  }
  const Shape& shape = it->second.shape;
  const bool positive = std::all_of(shape.begin(), shape.end(),
                                    [](int64_t size) { return size > 0; });
  if (shape.size() != rank || !positive) {
    return Invalid(
        path, absl::StrCat("tensor ", it->second.name, ": expected ", rank,
                           " sizes of at least 1, found ", ShapeString(shape)));
  }
  return shape;
}

int64_t CountBlocks(const NativeContents& contents) {
  int64_t layers = 0;
  for (const auto& [name, tensor] : contents.tensors) {
    absl::string_view rest = name;
    int64_t index = 0;
    if (!absl::ConsumePrefix(&rest, "blocks.")) continue;
    // Six digits: an absurd index becomes missing tensors, not a huge table.
    const absl::string_view digits = rest.substr(0, rest.find('.'));
    if (digits.size() > 6 || !absl::SimpleAtoi(digits, &index)) continue;
    layers = std::max(layers, index + 1);
  }
  return std::min<int64_t>(layers,
                           static_cast<int64_t>(contents.tensors.size()));
}

absl::Status SetHeads(const std::string& path, std::optional<HeadSizes> heads,
                      WanArchitecture* wan) {
  if (!heads.has_value()) {
    if (wan->dim % kDefaultHeadWidth != 0) {
      return Invalid(
          path, absl::StrCat("the width ", wan->dim, " is not a multiple of ",
                             kDefaultHeadWidth,
                             "; put a config.json with num_attention_heads and "
                             "attention_head_dim beside the weights"));
    }
    wan->heads = wan->dim / kDefaultHeadWidth;
    return absl::OkStatus();
  }
  if (heads->count < 1 || heads->width < 2 || heads->width % 2 != 0 ||
      heads->count > wan->dim || heads->width > wan->dim ||
      heads->count * heads->width != wan->dim) {
    return Invalid(
        path, absl::StrCat("config.json: num_attention_heads ", heads->count,
                           " x attention_head_dim ", heads->width,
                           " does not make the width ", wan->dim,
                           " of patch_embedding.weight out of "
                           "heads of an even width"));
  }
  wan->heads = heads->count;
  return absl::OkStatus();
}

absl::Status SetImageBranch(const std::string& path,
                            const NativeContents& contents,
                            WanArchitecture* wan) {
  if (contents.tensors.count("blocks.0.cross_attn.k_img.weight") == 0 &&
      contents.tensors.count("img_emb.proj.1.weight") == 0) {
    return absl::OkStatus();
  }
  HP_ASSIGN_OR_RETURN(Shape image,
                      ShapeOfRank(path, contents, "img_emb.proj.1.weight", 2));
  wan->image_dim = image[1];
  if (contents.tensors.count("img_emb.emb_pos") != 0) {
    HP_ASSIGN_OR_RETURN(Shape positions,
                        ShapeOfRank(path, contents, "img_emb.emb_pos", 3));
    wan->image_positions = positions[1];
  }
  return absl::OkStatus();
}

absl::StatusOr<WanArchitecture> ReadArchitecture(
    const std::string& path, const NativeContents& contents,
    std::optional<HeadSizes> heads) {
  HP_ASSIGN_OR_RETURN(Shape patch,
                      ShapeOfRank(path, contents, "patch_embedding.weight", 5));
  HP_ASSIGN_OR_RETURN(Shape head,
                      ShapeOfRank(path, contents, "head.head.weight", 2));
  HP_ASSIGN_OR_RETURN(Shape ffn,
                      ShapeOfRank(path, contents, "blocks.0.ffn.0.weight", 2));
  HP_ASSIGN_OR_RETURN(
      Shape text, ShapeOfRank(path, contents, "text_embedding.0.weight", 2));
  HP_ASSIGN_OR_RETURN(
      Shape time, ShapeOfRank(path, contents, "time_embedding.0.weight", 2));
  WanArchitecture wan;
  wan.dim = patch[0];
  wan.in_channels = patch[1];
  wan.patch_frames = patch[2];
  wan.patch_rows = patch[3];
  wan.patch_columns = patch[4];
  wan.out_channels = head[0] / wan.patch_volume();
  wan.ffn_dim = ffn[0];
  wan.text_dim = text[1];
  wan.freq_dim = time[1];
  wan.layers = CountBlocks(contents);
  if (wan.out_channels < 1 || wan.in_channels < wan.out_channels) {
    return Invalid(
        path,
        absl::StrCat("patch_embedding.weight takes ", wan.in_channels,
                     " channels and head.head.weight gives ", wan.out_channels,
                     ": no Wan variant takes fewer than it "
                     "gives"));
  }
  HP_RETURN_IF_ERROR(SetHeads(path, heads, &wan));
  HP_RETURN_IF_ERROR(SetImageBranch(path, contents, &wan));
  return wan;
}

// Every expected tensor is there with its shape, and nothing else is.
absl::Status CheckTensors(const std::string& path,
                          const WanArchitecture& architecture,
                          const NativeContents& contents) {
  const std::map<std::string, Shape> expected = WanTensors(architecture);
  for (const auto& [name, shape] : expected) {
    auto it = contents.tensors.find(name);
    if (it == contents.tensors.end()) {
      return Invalid(
          path, absl::StrCat("tensor ", name, " is missing: expected shape ",
                             ShapeString(shape)));
    }
    if (it->second.shape != shape) {
      return Invalid(
          path, absl::StrCat("tensor ", it->second.name, ": expected shape ",
                             ShapeString(shape), ", found ",
                             ShapeString(it->second.shape)));
    }
  }
  for (const auto& [name, tensor] : contents.tensors) {
    if (expected.count(name) != 0) continue;
    return Invalid(path, absl::StrCat("tensor ", tensor.name, " with shape ",
                                      ShapeString(tensor.shape),
                                      " is not part of this model (",
                                      architecture.Description(), ", ",
                                      architecture.layers, " blocks)"));
  }
  return absl::OkStatus();
}

bool IsScaleShape(const Shape& scale, const Shape& weight) {
  const bool one_number = ElementCount(scale) == 1;
  const bool one_a_row = weight.size() == 2 && (scale == Shape{weight[0]} ||
                                                scale == Shape{weight[0], 1});
  return one_number || one_a_row;
}

// Attaches its scale to an fp8 tensor.
absl::Status AttachScale(const std::string& path,
                         const NativeContents& contents, StoredTensor* tensor) {
  if (tensor->dtype != DType::kF8E4M3) {
    return Invalid(path, absl::StrCat("tensor ", tensor->name, " is ",
                                      DTypeName(tensor->dtype),
                                      "; expected BF16, F16, F32 or scaled "
                                      "F8_E4M3"));
  }
  absl::string_view base = tensor->name;
  const bool is_weight = absl::ConsumeSuffix(&base, ".weight");
  for (const char* suffix : {".scale_weight", ".weight_scale"}) {
    auto it = contents.scales.find(absl::StrCat(base, suffix));
    if (!is_weight || it == contents.scales.end()) continue;
    const ArchivedTensor& scale = *it->second;
    if (!IsScaleShape(scale.shape, tensor->shape) ||
        (scale.dtype != DType::kF32 && scale.dtype != DType::kBF16 &&
         scale.dtype != DType::kF16)) {
      return Invalid(
          path, absl::StrCat("scale ", it->first, " of the fp8 tensor ",
                             tensor->name, " is ", DTypeName(scale.dtype), " ",
                             ShapeString(scale.shape),
                             "; expected one number, or one for each of the ",
                             tensor->shape[0], " rows"));
    }
    tensor->scale_name = it->first;
    return absl::OkStatus();
  }
  return Invalid(path,
                 absl::StrCat("tensor ", tensor->name,
                              " is F8_E4M3 without a scale: expected ", base,
                              ".scale_weight or ", base,
                              ".weight_scale; use the bf16 checkpoint (fp8 is "
                              "made from it at load time)"));
}

absl::Status CheckDTypes(const std::string& path, NativeContents* contents) {
  for (auto& [name, tensor] : contents->tensors) {
    if (tensor.dtype == DType::kF32 || tensor.dtype == DType::kBF16 ||
        tensor.dtype == DType::kF16) {
      continue;
    }
    HP_RETURN_IF_ERROR(AttachScale(path, *contents, &tensor));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<WanVariant> DetectWanVariant(
    const std::string& path,
    const std::map<std::string, ArchivedTensor>& contents,
    std::optional<HeadSizes> heads) {
  HP_ASSIGN_OR_RETURN(NativeContents native, ReadContents(path, contents));
  HP_RETURN_IF_ERROR(RefuseForeign(path, native));
  HP_ASSIGN_OR_RETURN(WanArchitecture architecture,
                      ReadArchitecture(path, native, heads));
  HP_RETURN_IF_ERROR(CheckTensors(path, architecture, native));
  HP_RETURN_IF_ERROR(CheckDTypes(path, &native));
  return WanVariant{architecture, std::move(native.tensors)};
}

}  // namespace halfpipe
