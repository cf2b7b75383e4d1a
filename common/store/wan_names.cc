#include "common/store/wan_names.h"

#include <span>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace halfpipe {
namespace {

struct NamePair {
  absl::string_view native;
  absl::string_view diffusers;
};

// Outside the blocks.
constexpr NamePair kModelNames[] = {
    {"patch_embedding", "patch_embedding"},
    {"vace_patch_embedding", "vace_patch_embedding"},
    {"text_embedding.0", "condition_embedder.text_embedder.linear_1"},
    {"text_embedding.2", "condition_embedder.text_embedder.linear_2"},
    {"time_embedding.0", "condition_embedder.time_embedder.linear_1"},
    {"time_embedding.2", "condition_embedder.time_embedder.linear_2"},
    {"time_projection.1", "condition_embedder.time_proj"},
    {"img_emb.proj.0", "condition_embedder.image_embedder.norm1"},
    {"img_emb.proj.1", "condition_embedder.image_embedder.ff.net.0.proj"},
    {"img_emb.proj.3", "condition_embedder.image_embedder.ff.net.2"},
    {"img_emb.proj.4", "condition_embedder.image_embedder.norm2"},
    {"img_emb.emb_pos", "condition_embedder.image_embedder.pos_embed"},
    {"head.modulation", "scale_shift_table"},
    {"head.head", "proj_out"},
};

// Behind "blocks.N." and "vace_blocks.N.".
constexpr NamePair kBlockNames[] = {
    {"modulation", "scale_shift_table"},
    {"self_attn.q", "attn1.to_q"},
    {"self_attn.k", "attn1.to_k"},
    {"self_attn.v", "attn1.to_v"},
    {"self_attn.o", "attn1.to_out.0"},
    {"self_attn.norm_q", "attn1.norm_q"},
    {"self_attn.norm_k", "attn1.norm_k"},
    {"cross_attn.q", "attn2.to_q"},
    {"cross_attn.k", "attn2.to_k"},
    {"cross_attn.v", "attn2.to_v"},
    {"cross_attn.o", "attn2.to_out.0"},
    {"cross_attn.norm_q", "attn2.norm_q"},
    {"cross_attn.norm_k", "attn2.norm_k"},
    {"cross_attn.k_img", "attn2.add_k_proj"},
    {"cross_attn.v_img", "attn2.add_v_proj"},
    {"cross_attn.norm_k_img", "attn2.norm_added_k"},
    {"ffn.0", "ffn.net.0.proj"},
    {"ffn.2", "ffn.net.2"},
    {"norm3", "norm2"},
};

// Behind "vace_blocks.N." only.
constexpr NamePair kVaceNames[] = {
    {"before_proj", "proj_in"},
    {"after_proj", "proj_out"},
};

// Words of module names that contain an underscore; where one begins another,
// the longer one stands first.
constexpr absl::string_view kCompoundWords[] = {
    "vace_patch_embedding",
    "vace_blocks",
    "patch_embedding",
    "text_embedding",
    "time_embedding",
    "time_projection",
    "img_emb",
    "self_attn",
    "cross_attn",
    "k_img",
    "v_img",
    "norm_q",
    "norm_k_img",
    "norm_k",
    "emb_pos",
    "before_proj",
    "after_proj",
    "ref_conv",
    "control_adapter",
    "residual_blocks",
    "audio_injector",
    "music_injector",
    "music_projection",
    "music_encoder",
    "face_adapter",
    // diffusers' spelling
    "condition_embedder",
    "text_embedder",
    "time_embedder",
    "image_embedder",
    "time_proj",
    "pos_embed",
    "linear_1",
    "linear_2",
    "to_q",
    "to_k",
    "to_v",
    "to_out",
    "add_k_proj",
    "add_v_proj",
    "norm_added_k",
    "scale_shift_table",
    "proj_in",
    "proj_out",
};

// The index of the first character behind "blocks.N." or "vace_blocks.N.", or
// 0 for a name outside the blocks.
size_t BlockPrefix(absl::string_view name, absl::string_view stem) {
  if (!absl::StartsWith(name, stem)) return 0;
  size_t at = stem.size();
  while (at < name.size() && absl::ascii_isdigit(name[at])) ++at;
  bool valid = at > stem.size() && at + 1 < name.size() && name[at] == '.';
  return valid ? at + 1 : 0;
}

// `name` with its leading `from` spelling replaced, if a row of the table
// matches whole path elements.
std::optional<std::string> Rename(absl::string_view name,
                                  std::span<const NamePair> table,
                                  absl::string_view NamePair::*from,
                                  absl::string_view NamePair::*to) {
  for (const NamePair& row : table) {
    absl::string_view rest = name;
    if (!absl::ConsumePrefix(&rest, row.*from)) continue;
    if (rest.empty() || rest[0] == '.') return absl::StrCat(row.*to, rest);
  }
  return std::nullopt;
}

std::optional<std::string> Translate(absl::string_view name,
                                     absl::string_view NamePair::*from,
                                     absl::string_view NamePair::*to) {
  const size_t vace = BlockPrefix(name, "vace_blocks.");
  const size_t prefix = vace != 0 ? vace : BlockPrefix(name, "blocks.");
  if (prefix == 0) return Rename(name, kModelNames, from, to);
  absl::string_view inner = name.substr(prefix);
  std::optional<std::string> renamed = Rename(inner, kBlockNames, from, to);
  if (!renamed && vace != 0) renamed = Rename(inner, kVaceNames, from, to);
  if (!renamed) return std::nullopt;
  return absl::StrCat(name.substr(0, prefix), *renamed);
}

// The first path element of `rest`: a compound word, or up to an underscore.
absl::string_view FirstWord(absl::string_view rest) {
  for (absl::string_view word : kCompoundWords) {
    bool whole = rest.size() == word.size() ||
                 (rest.size() > word.size() && rest[word.size()] == '_');
    if (whole && absl::StartsWith(rest, word)) return word;
  }
  return rest.substr(0, rest.find('_'));
}

}  // namespace

std::optional<std::string> DiffusersToNative(absl::string_view name) {
  return Translate(name, &NamePair::diffusers, &NamePair::native);
}

std::optional<std::string> NativeToDiffusers(absl::string_view name) {
  return Translate(name, &NamePair::native, &NamePair::diffusers);
}

std::string UnflattenNative(absl::string_view flattened) {
  std::string name;
  while (!flattened.empty()) {
    absl::string_view word = FirstWord(flattened);
    absl::StrAppend(&name, name.empty() ? "" : ".", word);
    flattened.remove_prefix(word.size());
    if (!flattened.empty()) flattened.remove_prefix(1);
  }
  return name;
}

}  // namespace halfpipe
