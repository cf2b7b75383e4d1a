#include "common/store/wan_names.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace halfpipe {
namespace {

const std::vector<std::pair<const char*, const char*>>& Names() {
  static const auto& names =
      *new std::vector<std::pair<const char*, const char*>>{
          {"patch_embedding.weight", "patch_embedding.weight"},
          {"vace_patch_embedding.bias", "vace_patch_embedding.bias"},
          {"text_embedding.0.weight",
           "condition_embedder.text_embedder.linear_1.weight"},
          {"text_embedding.2.bias",
           "condition_embedder.text_embedder.linear_2.bias"},
          {"time_embedding.0.bias",
           "condition_embedder.time_embedder.linear_1.bias"},
          {"time_projection.1.weight", "condition_embedder.time_proj.weight"},
          {"img_emb.proj.0.weight",
           "condition_embedder.image_embedder.norm1.weight"},
          {"img_emb.proj.1.weight",
           "condition_embedder.image_embedder.ff.net.0.proj.weight"},
          {"img_emb.proj.3.weight",
           "condition_embedder.image_embedder.ff.net.2.weight"},
          {"img_emb.proj.4.bias",
           "condition_embedder.image_embedder.norm2.bias"},
          {"img_emb.emb_pos", "condition_embedder.image_embedder.pos_embed"},
          {"head.modulation", "scale_shift_table"},
          {"head.head.weight", "proj_out.weight"},
          {"blocks.39.modulation", "blocks.39.scale_shift_table"},
          {"blocks.0.self_attn.o.weight", "blocks.0.attn1.to_out.0.weight"},
          {"blocks.0.self_attn.norm_q.weight", "blocks.0.attn1.norm_q.weight"},
          {"blocks.0.cross_attn.k", "blocks.0.attn2.to_k"},
          {"blocks.0.cross_attn.k_img.bias", "blocks.0.attn2.add_k_proj.bias"},
          {"blocks.0.cross_attn.norm_k_img.weight",
           "blocks.0.attn2.norm_added_k.weight"},
          {"blocks.0.norm3.bias", "blocks.0.norm2.bias"},
          {"blocks.0.ffn.0.weight", "blocks.0.ffn.net.0.proj.weight"},
          {"blocks.0.ffn.2.weight", "blocks.0.ffn.net.2.weight"},
          {"vace_blocks.7.self_attn.q.weight",
           "vace_blocks.7.attn1.to_q.weight"},
          {"vace_blocks.0.before_proj.weight", "vace_blocks.0.proj_in.weight"},
          {"vace_blocks.1.after_proj.bias", "vace_blocks.1.proj_out.bias"},
      };
  return names;
}

TEST(WanNamesTest, TranslatesBothWays) {
  for (const auto& [native, diffusers] : Names()) {
    EXPECT_EQ(DiffusersToNative(diffusers), native);
    EXPECT_EQ(NativeToDiffusers(native), diffusers);
  }
}

TEST(WanNamesTest, RefusesWhatTheOtherSpellingLacks) {
  for (const char* name :
       {"", "blocks.0", "blocks.", "blocks.x.attn1.to_q", "blocks.0.norm3",
        "blocks.0.proj_out.weight", "blocks.0.attn1.to_qq", "attn1.to_q"}) {
    EXPECT_EQ(DiffusersToNative(name), std::nullopt) << name;
  }
  for (const char* name : {"blocks.0.norm2.weight", "ref_conv.weight",
                           "blocks.0.before_proj.weight"}) {
    EXPECT_EQ(NativeToDiffusers(name), std::nullopt) << name;
  }
}

TEST(WanNamesTest, UndoesTheUnderscores) {
  for (const char* module :
       {"blocks.12.self_attn.q", "blocks.0.cross_attn.k_img", "blocks.0.ffn.2",
        "text_embedding.0", "time_projection.1", "img_emb.proj.3", "head.head",
        "vace_blocks.3.before_proj", "audio_injector.injector.11.o"}) {
    std::string flat = module;
    for (char& c : flat) c = c == '.' ? '_' : c;
    EXPECT_EQ(UnflattenNative(flat), module);
  }
}

}  // namespace
}  // namespace halfpipe
