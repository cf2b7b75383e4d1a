#include "common/model/model_spec.h"

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace halfpipe {
namespace {

using TensorShapes = std::map<std::string, Shape>;

void AddLinear(const std::string& name, int64_t out, int64_t in,
               TensorShapes* tensors) {
  (*tensors)[name + ".weight"] = {out, in};
  (*tensors)[name + ".bias"] = {out};
}

void AddNorm(const std::string& name, int64_t size, TensorShapes* tensors) {
  (*tensors)[name + ".weight"] = {size};
  (*tensors)[name + ".bias"] = {size};
}

void AddBlock(const ModelSpec& wan, const std::string& block,
              TensorShapes* tensors) {
  for (const std::string& linear : BlockLinears(wan)) {
    const int64_t out = linear == "ffn.0" ? wan.ffn_dim : wan.dim;
    const int64_t in = linear == "ffn.2" ? wan.ffn_dim : wan.dim;
    AddLinear(block + linear, out, in, tensors);
  }
  for (const char* attention : {"self_attn", "cross_attn"}) {
    for (const char* norm : {"norm_q", "norm_k"}) {
      (*tensors)[absl::StrCat(block, attention, ".", norm, ".weight")] = {
          wan.dim};
    }
  }
  if (wan.has_image_branch()) {
    (*tensors)[block + "cross_attn.norm_k_img.weight"] = {wan.dim};
  }
  AddNorm(block + "norm3", wan.dim, tensors);
  (*tensors)[block + "modulation"] = {1, kModulationRows, wan.dim};
}

void AddImageEmbedding(const ModelSpec& wan, TensorShapes* tensors) {
  AddNorm("img_emb.proj.0", wan.image_dim, tensors);
  AddLinear("img_emb.proj.1", wan.image_dim, wan.image_dim, tensors);
  AddLinear("img_emb.proj.3", wan.dim, wan.image_dim, tensors);
  AddNorm("img_emb.proj.4", wan.dim, tensors);
  if (wan.image_positions > 0) {
    (*tensors)["img_emb.emb_pos"] = {1, wan.image_positions, wan.image_dim};
  }
}

}  // namespace

std::string ModelSpec::Description() const {
  std::string name = has_frame_timesteps() ? "TI2V" : "T2V";
  if (condition_channels() > 0) {
    name = absl::StrCat("I2V (", condition_channels(), " condition channels)");
  }
  if (!variant.empty()) name = absl::StrCat(variant, ", ", name);
  if (image_positions > 0) {
    absl::StrAppend(&name, ", first and last image");
  } else if (has_image_branch()) {
    absl::StrAppend(&name, ", image branch");
  }
  return name;
}

std::string ToText(const BlockRange& blocks) {
  return absl::StrCat("[", blocks.begin, ", ", blocks.end, ")");
}

int64_t CountBlocks(const std::vector<BlockRange>& ranges) {
  int64_t blocks = 0;
  for (const BlockRange& range : ranges) blocks += range.size();
  return blocks;
}

std::vector<SplitTensor> SplitTensorsOf(const ModelSpec& model) {
  const Extent batch = {Axis::kBatch};
  std::vector<SplitTensor> tensors = {
      {.name = std::string(kSplitTokens),
       .shape = {batch, {Axis::kTokens}, Fixed(model.dim)},
       .needs_grad = true},
      {.name = std::string(kSplitContext),
       .shape = {batch, {Axis::kContextTokens}, Fixed(model.dim)}},
      {.name = std::string(kSplitModulation),
       .shape = {batch,
                 {Axis::kModulationGroups},
                 Fixed(kModulationRows),
                 Fixed(model.dim)},
       .is_float32 = true}};
  tensors.insert(tensors.end(), model.extra_split.begin(),
                 model.extra_split.end());
  return tensors;
}

std::vector<ModelInput> InputsOf(const ModelSpec& model) {
  const auto latents = [](int64_t channels) {
    return Extents{{Axis::kBatch},
                   Fixed(channels),
                   {Axis::kLatentFrames},
                   {Axis::kLatentRows},
                   {Axis::kLatentColumns}};
  };
  std::vector<ModelInput> inputs = {
      {"latents", latents(model.out_channels), "the clip, with noise"},
      {"timestep", {{Axis::kBatch}}, "0 to 1000"},
      {"context",
       {{Axis::kBatch}, {Axis::kTextTokens}, Fixed(model.text_dim)},
       "the caption, by the text encoder"}};
  if (model.condition_channels() > 0) {
    inputs.push_back({"y", latents(model.condition_channels()),
                      model.takes_first_frame()
                          ? "a mask and the first frame's latents"
                          : "what the clip is made to follow"});
  }
  if (model.has_image_branch()) {
    inputs.push_back(
        {"clip_feature",
         {{Axis::kBatch}, {Axis::kImageTokens}, Fixed(model.image_dim)},
         "a picture, by the image encoder"});
  }
  inputs.insert(inputs.end(), model.extra_inputs.begin(),
                model.extra_inputs.end());
  return inputs;
}

BlockParameters BlockParametersOf(const ModelSpec& model) {
  const int64_t attentions = model.has_image_branch() ? 10 : 8;
  BlockParameters parameters;
  parameters.matrices =
      attentions * model.dim * model.dim + 2 * model.dim * model.ffn_dim;
  // Biases; four norms of attention, one of cross attention's input,
  // modulation.
  parameters.rest = (attentions + 13) * model.dim + model.ffn_dim;
  if (model.extra_modules.empty()) return parameters;
  for (const ExtraModule& module : model.extra_modules) {
    for (const auto& [name, shape] : module.tensors) {
      (shape.size() == 2 ? parameters.extra_matrices : parameters.extra_rest) +=
          ElementCount(shape);
    }
  }
  parameters.extra_matrices /= model.layers;
  parameters.extra_rest /= model.layers;
  return parameters;
}

std::map<std::string, Shape> WanTensors(const ModelSpec& wan) {
  TensorShapes tensors;
  tensors["patch_embedding.weight"] = {wan.dim, wan.in_channels,
                                       wan.patch_frames, wan.patch_rows,
                                       wan.patch_columns};
  tensors["patch_embedding.bias"] = {wan.dim};
  AddLinear("text_embedding.0", wan.dim, wan.text_dim, &tensors);
  AddLinear("text_embedding.2", wan.dim, wan.dim, &tensors);
  AddLinear("time_embedding.0", wan.dim, wan.freq_dim, &tensors);
  AddLinear("time_embedding.2", wan.dim, wan.dim, &tensors);
  AddLinear("time_projection.1", kModulationRows * wan.dim, wan.dim, &tensors);
  AddLinear("head.head", wan.patch_volume() * wan.out_channels, wan.dim,
            &tensors);
  tensors["head.modulation"] = {1, 2, wan.dim};
  if (wan.has_image_branch()) AddImageEmbedding(wan, &tensors);
  for (int64_t i = 0; i < wan.layers; ++i) {
    AddBlock(wan, absl::StrCat("blocks.", i, "."), &tensors);
  }
  tensors.insert(wan.extra_embeddings.begin(), wan.extra_embeddings.end());
  for (const ExtraModule& module : wan.extra_modules) {
    for (const auto& [name, shape] : module.tensors) {
      tensors[module.prefix + name] = shape;
    }
  }
  return tensors;
}

std::vector<std::string> BlockLinears(const ModelSpec& wan) {
  std::vector<std::string> names = {
      "self_attn.q",  "self_attn.k",  "self_attn.v",  "self_attn.o",
      "cross_attn.q", "cross_attn.k", "cross_attn.v", "cross_attn.o"};
  if (wan.has_image_branch()) {
    names.insert(names.end(), {"cross_attn.k_img", "cross_attn.v_img"});
  }
  names.insert(names.end(), {"ffn.0", "ffn.2"});
  return names;
}

std::vector<std::string> LinearsOfBlock(const ModelSpec& model, int64_t block) {
  std::vector<std::string> names;
  for (const std::string& linear : BlockLinears(model)) {
    names.push_back(absl::StrCat("blocks.", block, ".", linear));
  }
  for (const ExtraModule& module : model.extra_modules) {
    if (module.after_block != block) continue;
    for (const std::string& linear : module.linears) {
      names.push_back(module.prefix + linear);
    }
  }
  return names;
}

std::optional<int64_t> BlockOf(const ModelSpec& model, absl::string_view name) {
  for (const ExtraModule& module : model.extra_modules) {
    if (absl::StartsWith(name, module.prefix)) return module.after_block;
  }
  int64_t block = 0;
  if (!absl::ConsumePrefix(&name, "blocks.") ||
      !absl::SimpleAtoi(name.substr(0, name.find('.')), &block)) {
    return std::nullopt;
  }
  return block;
}

std::vector<std::string> OuterLinears(const ModelSpec& wan) {
  std::vector<std::string> names = {"text_embedding.0",  "text_embedding.2",
                                    "time_embedding.0",  "time_embedding.2",
                                    "time_projection.1", "head.head"};
  if (wan.has_image_branch()) {
    names.insert(names.end(), {"img_emb.proj.1", "img_emb.proj.3"});
  }
  return names;
}

}  // namespace halfpipe
