#include "common/store/lora_names.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace halfpipe {
namespace {

constexpr LoraFormat kAll[] = {LoraFormat::kDiffSynth, LoraFormat::kComfyUi,
                               LoraFormat::kDiffusers, LoraFormat::kPeft,
                               LoraFormat::kMusubi,    LoraFormat::kLightx2v};

TEST(LoraNamesTest, GivesTheKeysOfEachFormat) {
  const char* kModule = "blocks.0.self_attn.q";
  LoraKeys keys = LoraKeysFor(LoraFormat::kDiffSynth, kModule).value();
  EXPECT_EQ(keys.a, "blocks.0.self_attn.q.lora_A.default.weight");
  EXPECT_EQ(keys.b, "blocks.0.self_attn.q.lora_B.default.weight");
  EXPECT_EQ(keys.alpha, "");
  keys = LoraKeysFor(LoraFormat::kComfyUi, kModule).value();
  EXPECT_EQ(keys.a, "diffusion_model.blocks.0.self_attn.q.lora_A.weight");
  EXPECT_EQ(keys.alpha, "diffusion_model.blocks.0.self_attn.q.alpha");
  keys = LoraKeysFor(LoraFormat::kDiffusers, kModule).value();
  EXPECT_EQ(keys.b, "transformer.blocks.0.attn1.to_q.lora_B.weight");
  EXPECT_EQ(keys.alpha, "");
  keys = LoraKeysFor(LoraFormat::kPeft, kModule).value();
  EXPECT_EQ(keys.a, "base_model.model.blocks.0.self_attn.q.lora_A.weight");
  keys = LoraKeysFor(LoraFormat::kMusubi, kModule).value();
  EXPECT_EQ(keys.a, "lora_unet_blocks_0_self_attn_q.lora_down.weight");
  EXPECT_EQ(keys.b, "lora_unet_blocks_0_self_attn_q.lora_up.weight");
  EXPECT_EQ(keys.alpha, "lora_unet_blocks_0_self_attn_q.alpha");
  keys = LoraKeysFor(LoraFormat::kLightx2v, kModule).value();
  EXPECT_EQ(keys.b, "diffusion_model.blocks.0.self_attn.q.lora_up.weight");
}

TEST(LoraNamesTest, EveryKeyLeadsBackToItsModule) {
  for (LoraFormat format : kAll) {
    for (const char* module :
         {"blocks.0.self_attn.q", "blocks.39.cross_attn.v_img",
          "blocks.7.ffn.0", "vace_blocks.7.after_proj", "text_embedding.2",
          "head.head", "img_emb.proj.1", "patch_embedding"}) {
      LoraKeys keys = LoraKeysFor(format, module).value();
      EXPECT_EQ(ParseLoraKey(keys.a)->module, module) << keys.a;
      EXPECT_EQ(ParseLoraKey(keys.a)->part, LoraPart::kA);
      EXPECT_EQ(ParseLoraKey(keys.b)->part, LoraPart::kB);
      if (keys.alpha.empty()) continue;
      EXPECT_EQ(ParseLoraKey(keys.alpha)->module, module);
      EXPECT_EQ(ParseLoraKey(keys.alpha)->part, LoraPart::kAlpha);
    }
  }
}

TEST(LoraNamesTest, NormalisesWhatOthersWrite) {
  for (const char* key :
       {"blocks.0.self_attn.q.lora_A.weight",
        "pipe.dit.blocks.0.self_attn.q.lora_A.default.weight",
        "blocks.0.module.self_attn.q.lora_A.default.weight",
        "diffusion_model.blocks.0.attn1.to_q.lora_down.weight",
        "base_model.model.transformer.blocks.0.attn1.to_q.lora_A.weight",
        "transformer.blocks.0.self_attn.q.lora_A.weight",
        "model.diffusion_model.blocks.0.self_attn.q.lora_A.weight",
        "diffusion_model._orig_mod.blocks.0.self_attn.q.lora_A.weight",
        "module.blocks.0.self_attn.q.lora_A.weight",
        "_orig_mod.module.blocks.0._orig_mod.self_attn.q.lora_down.weight",
        "model._fsdp_wrapped_module.blocks.0._checkpoint_wrapped_module."
        "self_attn.q.lora_A.weight",
        "base_model.model.blocks.0.self_attn.q.lora_A.my_adapter.weight",
        "transformer.blocks.0.attn1.to_q.lora.down.weight",
        "transformer.blocks.0.attn1.to_q_lora.down.weight",
        "transformer.blocks.0.attn1.to_q.lora_linear_layer.down.weight",
        "transformer_2.blocks.0.attn1.to_q.lora_A.weight",
        "pipe.dit2.blocks.0.self_attn.q.lora_A.default.weight",
        "_fsdp_wrapped_module.diffusion_model.blocks.0.self_attn.q.lora_A"
        ".weight",
        "diffusion_model.blocks.0.self_attn.q.lora_A",
        "lora_unet__blocks_0_self_attn_q.lora_down.weight",
        "lora_unet_blocks_0_attn1_to_q.lora_down.weight",
        "lycoris_blocks_0_self_attn_q.lora_down.weight",
        "lycoris_blocks_0_attn1_to_q.lora_down.weight"}) {
    ASSERT_TRUE(ParseLoraKey(key)) << key;
    EXPECT_EQ(ParseLoraKey(key)->module, "blocks.0.self_attn.q") << key;
    EXPECT_EQ(ParseLoraKey(key)->part, LoraPart::kA);
  }
}

TEST(LoraNamesTest, UnderscoresOfDiffusersNamesAreUndone) {
  for (const auto& [flat, module] : std::map<std::string, std::string>{
           {"blocks_7_attn2_to_out_0", "blocks.7.cross_attn.o"},
           {"blocks_7_attn2_add_k_proj", "blocks.7.cross_attn.k_img"},
           {"blocks_12_ffn_net_0_proj", "blocks.12.ffn.0"},
           {"blocks_12_ffn_net_2", "blocks.12.ffn.2"},
           {"proj_out", "head.head"},
           {"condition_embedder_time_embedder_linear_1", "time_embedding.0"},
           {"condition_embedder_time_proj", "time_projection.1"},
           {"blocks_3_self_attn_norm_q", "blocks.3.self_attn.norm_q"},
           {"blocks_3_cross_attn_norm_k", "blocks.3.cross_attn.norm_k"},
           {"blocks_3_cross_attn_norm_k_img", "blocks.3.cross_attn.norm_k_img"},
           {"blocks_3_attn2_norm_added_k", "blocks.3.cross_attn.norm_k_img"},
           {"blocks_3_scale_shift_table", "blocks.3.modulation"},
           {"img_emb_emb_pos", "img_emb.emb_pos"}}) {
    EXPECT_EQ(NativeModuleOf("lycoris_" + flat), module);
  }
}

TEST(LoraNamesTest, DifferencesAreOfTensors) {
  for (const auto& [key, tensor] : std::map<std::string, std::string>{
           {"diffusion_model.blocks.0.self_attn.q.diff_b",
            "blocks.0.self_attn.q.bias"},
           {"diffusion_model.blocks.0.self_attn.norm_q.diff",
            "blocks.0.self_attn.norm_q.weight"},
           {"diffusion_model.blocks.0.norm3.diff_b", "blocks.0.norm3.bias"},
           {"blocks.0.diff_m", "blocks.0.modulation"},
           {"blocks.0.modulation.diff", "blocks.0.modulation"},
           {"head.diff_m", "head.modulation"},
           {"diffusion_model.patch_embedding.diff", "patch_embedding.weight"},
           {"lora_unet_blocks_3_norm3.w_norm", "blocks.3.norm3.weight"},
           {"lora_unet_blocks_3_norm3.b_norm", "blocks.3.norm3.bias"},
           {"transformer.blocks.0.scale_shift_table.diff",
            "blocks.0.modulation"},
           {"img_emb.emb_pos.diff", "img_emb.emb_pos"}}) {
    EXPECT_EQ(ParseLoraDifference(key), tensor) << key;
    EXPECT_FALSE(ParseLoraKey(key)) << key;
    for (LoraFormat format : kAll) {
      const auto written = LoraDifferenceKey(format, tensor);
      EXPECT_EQ(written.has_value(), format == LoraFormat::kComfyUi ||
                                         format == LoraFormat::kLightx2v);
      if (written) {
        EXPECT_EQ(ParseLoraDifference(*written), tensor);
      }
    }
  }
  EXPECT_EQ(*LoraDifferenceKey(LoraFormat::kLightx2v, "blocks.0.modulation"),
            "diffusion_model.blocks.0.diff_m");
  EXPECT_EQ(*LoraDifferenceKey(LoraFormat::kComfyUi, "blocks.0.modulation"),
            "diffusion_model.blocks.0.modulation.diff");
  EXPECT_FALSE(ParseLoraDifference("blocks.0.self_attn.q.lora_A.weight"));
  EXPECT_FALSE(ParseLoraDifference("diffusion_model..diff"));
}

TEST(LoraNamesTest, AdaptersOfOtherKindsAreKnownByTheirKeys) {
  for (const auto& [key, kind] : std::map<std::string, std::string>{
           {"lora_unet_blocks_0_ffn_0.dora_scale", "DoRA"},
           {"base_model.model.blocks.0.ffn.0.lora_magnitude_vector.default."
            "weight",
            "DoRA"},
           {"lycoris_blocks_0_ffn_0.lokr_w1", "LoKr"},
           {"lycoris_blocks_0_ffn_0.hada_w1_a", "LoHa"},
           {"lycoris_blocks_0_ffn_0.oft_blocks", "OFT"},
           {"blocks.0.ffn.0.lora_mid.weight", "LoCon with a third matrix"},
           {"blocks.0.ffn.0.set_weight", "a replaced weight"}}) {
    EXPECT_EQ(OtherAdapterKind(key), kind);
  }
  for (const char* key : {"blocks.0.ffn.0.lora_A.weight", "blocks.0.ffn.0.diff",
                          "lora_unet_blocks_0_ffn_0.alpha"}) {
    EXPECT_EQ(OtherAdapterKind(key), "");
  }
}

TEST(LoraNamesTest, TheSecondExpertIsKnown) {
  EXPECT_TRUE(IsSecondExpertKey("transformer_2.blocks.0.x.lora_A.weight"));
  EXPECT_TRUE(IsSecondExpertKey("base_model.model.transformer_2.x.alpha"));
  EXPECT_TRUE(IsSecondExpertKey("pipe.dit2.blocks.0.x.lora_A.weight"));
  EXPECT_FALSE(IsSecondExpertKey("pipe.dit.blocks.0.x.lora_A.weight"));
  EXPECT_FALSE(IsSecondExpertKey("transformer.blocks.0.x.lora_A.weight"));
}

TEST(LoraNamesTest, RefusesOtherEndings) {
  for (const char* key :
       {"", "blocks.0.self_attn.q.weight", "blocks.0.self_attn.q.diff",
        "blocks.0.self_attn.q.diff_b", ".alpha", "lora_A.weight",
        "blocks.0.self_attn.q.lora_C.weight", "diffusion_model..alpha"}) {
    EXPECT_EQ(ParseLoraKey(key).has_value(), false) << key;
  }
}

TEST(LoraNamesTest, DiffusersHasNoNameForSomeModules) {
  EXPECT_FALSE(LoraKeysFor(LoraFormat::kDiffusers, "ref_conv").has_value());
}

TEST(LoraNamesTest, FormatsAreKnownByName) {
  for (LoraFormat format : kAll) {
    EXPECT_EQ(ParseLoraFormat(LoraFormatName(format)), format);
  }
  EXPECT_EQ(ParseLoraFormat("a1111"), std::nullopt);
  EXPECT_EQ(LoraFormatNames(),
            "diffsynth, comfyui, diffusers, peft, musubi, lightx2v");
}

}  // namespace
}  // namespace halfpipe
