#include "common/model/variant.h"

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
#include "common/model/known_variants.h"
#include "common/store/quantised_weights.h"
#include "common/store/wan_names.h"

namespace halfpipe {
namespace {

constexpr int64_t kDefaultHeadWidth = 128;

// A block without an image branch has 27.
constexpr int64_t kLeastTensorsOfBlock = 20;

// What wrappers and repackagers put before every name, in any order.
constexpr std::array<const char*, 7> kPrefixes = {
    "diffusion_model.", "model.", "module.", "_orig_mod.",
    "transformer.",     "dit.",   "pipe."};

constexpr const char* kFirstTensor = "patch_embedding.weight";

// The contents under native names.
struct NativeContents {
  std::map<std::string, StoredTensor> tensors;
};

absl::Status Invalid(const std::string& path, absl::string_view problem) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", problem));
}

bool IsKnownPrefix(absl::string_view prefix) {
  while (!prefix.empty()) {
    const bool stripped = std::any_of(
        kPrefixes.begin(), kPrefixes.end(),
        [&](const char* known) { return absl::ConsumePrefix(&prefix, known); });
    if (!stripped) return false;
  }
  return true;
}

absl::StatusOr<std::string> FindPrefix(
    const std::string& path,
    const std::map<std::string, ArchivedTensor>& contents) {
  std::string unknown;
  const std::string ending = absl::StrCat(".", kFirstTensor);
  for (const auto& [name, tensor] : contents) {
    if (name == kFirstTensor) return std::string();
  }
  for (const auto& [name, tensor] : contents) {
    if (!absl::EndsWith(name, ending)) continue;
    const std::string prefix = name.substr(0, name.size() - ending.size() + 1);
    if (IsKnownPrefix(prefix)) return prefix;
    unknown = prefix;
  }
  if (!unknown.empty()) {
    return Invalid(path,
                   absl::StrCat("its tensors' names begin with '", unknown,
                                "', which is not known; save them as '",
                                kFirstTensor, "' and so on"));
  }
  return Invalid(path,
                 "not a Wan DiT: there is no tensor patch_embedding.weight; "
                 "give the folder or file of the diffusion transformer");
}

absl::StatusOr<NativeContents> ReadContents(
    const std::string& path,
    const std::map<std::string, ArchivedTensor>& contents) {
  HP_ASSIGN_OR_RETURN(const Quantisation quantisation,
                      ReadQuantisation(path, contents));
  HP_ASSIGN_OR_RETURN(const std::string prefix, FindPrefix(path, contents));
  const bool diffusers =
      contents.count(
          absl::StrCat(prefix, "condition_embedder.time_proj.weight")) != 0;
  NativeContents result;
  for (const auto& [stored, tensor] : contents) {
    if (quantisation.beside.contains(stored)) continue;
    std::string name(absl::StripPrefix(stored, prefix));
    if (diffusers) name = DiffusersToNative(name).value_or(name);
    const auto scale = quantisation.scales.find(stored);
    const StoredTensor found = {
        stored, scale == quantisation.scales.end() ? "" : scale->second,
        tensor.dtype, tensor.shape};
    const auto [slot, fresh] = result.tensors.try_emplace(name, found);
    if (fresh) continue;
    return Invalid(path,
                   absl::StrCat("tensors ", slot->second.name, " and ", stored,
                                " are both ", name, "; keep one of them"));
  }
  return result;
}

// The tensors' names, as the file spells them, that begin with a mark.
std::vector<std::string> Marked(const NativeContents& contents,
                                absl::string_view mark) {
  std::vector<std::string> found;
  for (const auto& [name, tensor] : contents.tensors) {
    if (absl::StartsWith(name, mark)) found.push_back(tensor.name);
  }
  return found;
}

// Names the model when the tensors belong to a variant that is not supported.
absl::Status RefuseForeign(const std::string& path, const char* variant,
                           std::vector<std::string> found) {
  const size_t count = found.size();
  found.resize(std::min<size_t>(count, 3));
  return Invalid(
      path, absl::StrCat("this is a model of another kind (", variant,
                         "), which is not supported: only such a one has ",
                         absl::StrJoin(found, ", "),
                         count > found.size()
                             ? absl::StrCat(", ... (", count, " such tensors)")
                             : ""));
}

// The row that the tensors are marked as; null: a model of the family itself.
absl::StatusOr<const ModelVariant*> FindVariant(
    const std::string& path, const NativeContents& contents) {
  for (const ModelVariant& variant : ModelVariants()) {
    for (const char* mark : variant.marks) {
      if (mark == nullptr) break;
      std::vector<std::string> found = Marked(contents, mark);
      if (found.empty()) continue;
      if (variant.extend != nullptr) return &variant;
      return RefuseForeign(path, variant.name, std::move(found));
    }
  }
  return static_cast<const ModelVariant*>(nullptr);
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

int64_t CountNativeBlocks(const NativeContents& contents) {
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
  // No more than so many tensors can make; what is missing then is named.
  const auto tensors = static_cast<int64_t>(contents.tensors.size());
  return std::min(layers, tensors / kLeastTensorsOfBlock + 1);
}

absl::Status SetHeads(const std::string& path, std::optional<HeadSizes> heads,
                      ModelSpec* wan) {
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
                            const NativeContents& contents, ModelSpec* wan) {
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

absl::StatusOr<ModelSpec> ReadSpec(const std::string& path,
                                   const NativeContents& contents,
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
  ModelSpec wan;
  wan.dim = patch[0];
  wan.in_channels = patch[1];
  wan.patch_frames = patch[2];
  wan.patch_rows = patch[3];
  wan.patch_columns = patch[4];
  wan.out_channels = head[0] / wan.patch_volume();
  wan.ffn_dim = ffn[0];
  wan.text_dim = text[1];
  wan.freq_dim = time[1];
  wan.layers = CountNativeBlocks(contents);
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

std::map<std::string, Shape> ShapesOf(const NativeContents& contents) {
  std::map<std::string, Shape> shapes;
  for (const auto& [name, tensor] : contents.tensors) {
    shapes[name] = tensor.shape;
  }
  return shapes;
}

// Every expected tensor is there with its shape, and nothing else is.
absl::Status CheckTensors(const std::string& path, const ModelSpec& model_spec,
                          const NativeContents& contents) {
  const std::map<std::string, Shape> expected = WanTensors(model_spec);
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
  const StoredTensor* surplus = nullptr;
  size_t more = 0;
  for (const auto& [name, tensor] : contents.tensors) {
    if (expected.count(name) != 0) continue;
    more += surplus == nullptr ? 0 : 1;
    if (surplus == nullptr) surplus = &tensor;
  }
  if (surplus == nullptr) return absl::OkStatus();
  return Invalid(
      path,
      absl::StrCat(
          "tensor ", surplus->name, " with shape ", ShapeString(surplus->shape),
          " is not part of this model (", model_spec.Description(), ", ",
          model_spec.layers, " blocks)",
          more == 0 ? "" : absl::StrCat(", nor are ", more, " more tensors")));
}

absl::Status CheckDTypes(const std::string& path,
                         const NativeContents& contents) {
  for (const auto& [name, tensor] : contents.tensors) {
    if (tensor.dtype == DType::kF32 || tensor.dtype == DType::kBF16 ||
        tensor.dtype == DType::kF16 || IsFp8(tensor.dtype)) {
      continue;
    }
    return Invalid(path, absl::StrCat("tensor ", tensor.name, " is ",
                                      DTypeName(tensor.dtype),
                                      "; expected BF16, F16, F32, F8_E4M3 or "
                                      "F8_E5M2: download such a file"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<WanVariant> DetectWanVariant(
    const std::string& path,
    const std::map<std::string, ArchivedTensor>& contents,
    std::optional<HeadSizes> heads) {
  HP_ASSIGN_OR_RETURN(NativeContents native, ReadContents(path, contents));
  HP_ASSIGN_OR_RETURN(const ModelVariant* variant, FindVariant(path, native));
  HP_ASSIGN_OR_RETURN(ModelSpec model_spec, ReadSpec(path, native, heads));
  if (variant != nullptr) {
    HP_RETURN_IF_ERROR(
        Annotate(variant->extend(ShapesOf(native), &model_spec), path));
  }
  HP_RETURN_IF_ERROR(CheckTensors(path, model_spec, native));
  HP_RETURN_IF_ERROR(CheckDTypes(path, native));
  return WanVariant{model_spec, std::move(native.tensors)};
}

}  // namespace halfpipe
