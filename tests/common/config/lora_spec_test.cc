#include "common/config/lora_spec.h"

#include <gtest/gtest.h>

#include <limits>

namespace halfpipe {
namespace {

TEST(LoraSpecTest, TargetsMatchWholePathElements) {
  LoraSpec spec;
  spec.targets = {"k", "ffn.0"};
  EXPECT_TRUE(spec.Matches("k"));
  EXPECT_TRUE(spec.Matches("blocks.12.self_attn.k"));
  EXPECT_TRUE(spec.Matches("blocks.0.ffn.0"));
  EXPECT_FALSE(spec.Matches("blocks.0.cross_attn.k_img"));
  EXPECT_FALSE(spec.Matches("blocks.0.cross_attn.norm_k"));
  EXPECT_FALSE(spec.Matches("text_embedding.0"));
}

TEST(LoraSpecTest, ValidateNamesTheField) {
  LoraSpec spec;
  EXPECT_TRUE(spec.Validate().ok());
  spec.rank = 0;
  EXPECT_EQ(spec.Validate().message(),
            "lora.rank: expected 1 or more, found 0");
  spec.rank = 4;
  spec.alpha = std::numeric_limits<double>::quiet_NaN();
  EXPECT_FALSE(spec.Validate().ok());
  spec.alpha = 6.0;
  EXPECT_DOUBLE_EQ(spec.scale(), 1.5);
  spec.targets.clear();
  EXPECT_FALSE(spec.Validate().ok());
}

}  // namespace
}  // namespace halfpipe
