#include "stage/wan/load_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "common/model/published_sizes.h"

namespace halfpipe {
namespace {

std::vector<std::string> NamesOf(const WanArchitecture& wan) {
  std::vector<std::string> names;
  for (const auto& [name, shape] : WanTensors(wan)) names.push_back(name);
  return names;
}

TEST(LoadOrderTest, NamesEveryTensorOnce) {
  WanArchitecture image = TinyWan();
  image.image_dim = 8;
  image.image_positions = 4;
  for (const WanArchitecture& wan : {TinyWan(), image}) {
    std::vector<std::string> order = LoadOrder(
        wan, {.embeddings = true, .head = true, .blocks = {{0, wan.layers}}});
    std::sort(order.begin(), order.end());
    EXPECT_EQ(order, NamesOf(wan));
  }
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
