#include "common/model/linear_shapes.h"

#include <gtest/gtest.h>

#include "common/model/known_variants.h"

namespace halfpipe {
namespace {

TEST(LinearShapesTest, LinearLayersAreThoseInsideTheBlocks) {
  const auto wan = KnownModel("tiny-t2v", 2);
  ASSERT_TRUE(wan.ok()) << wan.status();
  const LinearShapes linears = LinearShapesOf(*wan);
  EXPECT_EQ(linears.size(), 20u);  // ten a block
  EXPECT_EQ(linears.at("blocks.1.ffn.0").in, 48);
  EXPECT_EQ(linears.at("blocks.1.ffn.0").out, 96);
  EXPECT_EQ(linears.at("blocks.0.ffn.2").in, 96);
  EXPECT_EQ(linears.count("head.head"), 0u);
}

TEST(LinearShapesTest, AllOfThemAreTheOuterOnesToo) {
  for (const char* variant : {"tiny-t2v", "t2v-14b"}) {
    const auto wan = KnownModel(variant, 2);
    ASSERT_TRUE(wan.ok()) << wan.status();
    const LinearShapes linears = AllLinearShapesOf(*wan);
    EXPECT_EQ(linears.size(),
              2 * BlockLinears(*wan).size() + OuterLinears(*wan).size());
    for (const std::string& module : OuterLinears(*wan)) {
      EXPECT_EQ(linears.count(module), 1u) << module;
    }
  }
}

}  // namespace
}  // namespace halfpipe
