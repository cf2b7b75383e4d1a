#include "stage/wan/load_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "common/model/published_sizes.h"

namespace halfpipe {
namespace {

std::vector<std::string> NamesOf(const ModelSpec& wan) {
  std::vector<std::string> names;
  for (const auto& [name, shape] : WanTensors(wan)) names.push_back(name);
  return names;
}

TEST(LoadOrderTest, NamesEveryTensorOnce) {
  ModelSpec image = TinyWan();
  image.image_dim = 8;
  image.image_positions = 4;
  ModelSpec variant = TinyWan();
  variant.extra_embeddings = {{"sound.weight", {12, 5}}};
  variant.extra_modules = {
      {.kind = "gain",
       .prefix = "gain.0.",
       .after_block = 1,
       .tensors = {{"proj.weight", {12, 12}}, {"rows", {12}}},
       .linears = {"proj"}}};
  for (const ModelSpec& wan : {TinyWan(), image, variant}) {
    std::vector<std::string> order = LoadOrder(
        wan, {.embeddings = true, .head = true, .blocks = {{0, wan.layers}}});
    std::sort(order.begin(), order.end());
    EXPECT_EQ(order, NamesOf(wan));
  }
}

TEST(LoadOrderTest, AModuleComesWithTheBlockBeforeIt) {
  ModelSpec variant = TinyWan();
  variant.extra_modules = {{.kind = "gain",
                            .prefix = "gain.0.",
                            .after_block = 1,
                            .tensors = {{"rows", {12}}}}};
  const auto holds = [&](const PartContent& content) {
    const std::vector<std::string> order = LoadOrder(variant, content);
    return std::find(order.begin(), order.end(), "gain.0.rows") != order.end();
  };
  EXPECT_TRUE(holds({.blocks = {{1, 2}}}));
  EXPECT_FALSE(holds({.embeddings = true, .head = true, .blocks = {{0, 1}}}));
}

TEST(LoadOrderTest, TakesOnlyThePart) {
  const std::vector<std::string> order =
      LoadOrder(TinyWan(), {.blocks = {{1, 2}}});
  ASSERT_FALSE(order.empty());
  for (const std::string& name : order) {
    EXPECT_EQ(name.rfind("blocks.1.", 0), 0u) << name;
  }
}

TEST(LoadOrderTest, PutsSmallTensorsBeforeTheMatrices) {
  const std::vector<std::string> order =
      LoadOrder(TinyWan(), {.head = true, .blocks = {{0, 1}}});
  const auto at = [&](const std::string& name) {
    return std::find(order.begin(), order.end(), name) - order.begin();
  };
  EXPECT_LT(at("blocks.0.norm3.weight"), at("blocks.0.self_attn.q.weight"));
  EXPECT_LT(at("blocks.0.self_attn.q.weight"), at("blocks.0.ffn.0.weight"));
  EXPECT_LT(at("blocks.0.ffn.2.bias"), at("head.head.weight"));
}

}  // namespace
}  // namespace halfpipe
