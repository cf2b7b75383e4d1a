#include "common/model/architecture.h"

#include "absl/strings/str_cat.h"

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

void AddBlock(const WanArchitecture& wan, const std::string& block,
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
  (*tensors)[block + "modulation"] = {1, 6, wan.dim};
}

void AddImageEmbedding(const WanArchitecture& wan, TensorShapes* tensors) {
  AddNorm("img_emb.proj.0", wan.image_dim, tensors);
  AddLinear("img_emb.proj.1", wan.image_dim, wan.image_dim, tensors);
  AddLinear("img_emb.proj.3", wan.dim, wan.image_dim, tensors);
  AddNorm("img_emb.proj.4", wan.dim, tensors);
  if (wan.image_positions > 0) {
    (*tensors)["img_emb.emb_pos"] = {1, wan.image_positions, wan.image_dim};
  }
}

}  // namespace

std::string WanArchitecture::Description() const {
  std::string name = has_frame_timesteps() ? "TI2V" : "T2V";
  if (condition_channels() > 0) {
    name = absl::StrCat("I2V (", condition_channels(), " condition channels)");
  }
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

std::map<std::string, Shape> WanTensors(const WanArchitecture& wan) {
  TensorShapes tensors;
  tensors["patch_embedding.weight"] = {wan.dim, wan.in_channels,
                                       wan.patch_frames, wan.patch_rows,
                                       wan.patch_columns};
  tensors["patch_embedding.bias"] = {wan.dim};
  AddLinear("text_embedding.0", wan.dim, wan.text_dim, &tensors);
  AddLinear("text_embedding.2", wan.dim, wan.dim, &tensors);
  AddLinear("time_embedding.0", wan.dim, wan.freq_dim, &tensors);
  AddLinear("time_embedding.2", wan.dim, wan.dim, &tensors);
  AddLinear("time_projection.1", 6 * wan.dim, wan.dim, &tensors);
  AddLinear("head.head", wan.patch_volume() * wan.out_channels, wan.dim,
            &tensors);
  tensors["head.modulation"] = {1, 2, wan.dim};
  if (wan.has_image_branch()) AddImageEmbedding(wan, &tensors);
  for (int64_t i = 0; i < wan.layers; ++i) {
    AddBlock(wan, absl::StrCat("blocks.", i, "."), &tensors);
  }
  return tensors;
}

std::vector<std::string> BlockLinears(const WanArchitecture& wan) {
  std::vector<std::string> names = {
      "self_attn.q",  "self_attn.k",  "self_attn.v",  "self_attn.o",
      "cross_attn.q", "cross_attn.k", "cross_attn.v", "cross_attn.o"};
  if (wan.has_image_branch()) {
    names.insert(names.end(), {"cross_attn.k_img", "cross_attn.v_img"});
  }
  names.insert(names.end(), {"ffn.0", "ffn.2"});
  return names;
}

std::vector<std::string> OuterLinears(const WanArchitecture& wan) {
  std::vector<std::string> names = {"text_embedding.0",  "text_embedding.2",
                                    "time_embedding.0",  "time_embedding.2",
                                    "time_projection.1", "head.head"};
  if (wan.has_image_branch()) {
    names.insert(names.end(), {"img_emb.proj.1", "img_emb.proj.3"});
  }
  return names;
}

}  // namespace halfpipe
