#include "common/store/lora_names.h"

#include <gtest/gtest.h>

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
        "transformer.blocks.0.self_attn.q.lora_A.weight"}) {
    ASSERT_TRUE(ParseLoraKey(key)) << key;
    EXPECT_EQ(ParseLoraKey(key)->module, "blocks.0.self_attn.q") << key;
    EXPECT_EQ(ParseLoraKey(key)->part, LoraPart::kA);
  }
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
