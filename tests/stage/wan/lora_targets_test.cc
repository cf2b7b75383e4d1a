#include "stage/wan/lora_targets.h"

#include <gtest/gtest.h>

#include "common/model/published_sizes.h"

namespace halfpipe {
namespace {

TEST(LoraTargetsTest, SixTargetsAreTenLayersABlock) {
  auto modules = LoraModules(A14B(36), LoraSpec());
  ASSERT_TRUE(modules.ok()) << modules.status();
  ASSERT_EQ(modules->size(), 400u);
  EXPECT_EQ(modules->front(), "blocks.0.self_attn.q");
  EXPECT_EQ((*modules)[4], "blocks.0.cross_attn.q");
  EXPECT_EQ(modules->back(), "blocks.39.ffn.2");

  const auto tensors = WanTensors(A14B(36));
  int64_t parameters = 0;
  for (const std::string& module : *modules) {
    const Shape& weight = tensors.at(module + ".weight");
    parameters += 32 * (weight[0] + weight[1]);
  }
  EXPECT_EQ(parameters, 153354240);
}

TEST(LoraTargetsTest, ImageLayersOnlyWhenAskedFor) {
  ModelSpec image = A14B(36);
  image.image_dim = 1280;
  EXPECT_EQ(LoraModules(image, LoraSpec())->size(), 400u);
  LoraSpec spec;
  spec.targets.push_back("k_img");
  EXPECT_EQ(LoraModules(image, spec)->size(), 440u);
  EXPECT_FALSE(LoraModules(A14B(36), spec).ok());
}

TEST(LoraTargetsTest, RefusesTargetsThatCannotBe) {
  LoraSpec spec;
  spec.targets = {"qq"};
  EXPECT_EQ(LoraModules(TinyWan(), spec).status().message(),
            "lora.targets: 'qq' matches no layer; a block has self_attn.q, "
            "self_attn.k, self_attn.v, self_attn.o, cross_attn.q, "
            "cross_attn.k, cross_attn.v, cross_attn.o, ffn.0, ffn.2");
  spec.targets = {"0"};
  EXPECT_EQ(LoraModules(TinyWan(), spec).status().message(),
            "lora.targets: '0' matches text_embedding.0, but only layers "
            "inside the blocks can be trained");
}

}  // namespace
}  // namespace halfpipe
