#include "stage/wan/boundary.h"

#include <gtest/gtest.h>

#include "common/model/published_sizes.h"

namespace halfpipe {
namespace {

MicrobatchShape Shape480p() {
  MicrobatchShape shape;
  shape.frames = 13;  // 49 video frames
  shape.rows = 60;
  shape.columns = 104;
  shape.text_tokens = 512;
  return shape;
}

TEST(BoundaryTest, DescribesWhatCrosses) {
  auto spec = MakeBoundarySpec(A14B(36), Shape480p(), DType::kBF16);
  ASSERT_TRUE(spec.ok()) << spec.status();
  ASSERT_EQ(spec->tensors.size(), 3u);
  EXPECT_EQ(spec->tensors[0].name, "x");
  EXPECT_EQ(spec->Of(kSplitTokens).shape, (Shape{1, 20280, 5120}));
  EXPECT_TRUE(spec->Of(kSplitTokens).needs_grad);
  EXPECT_EQ(spec->Of(kSplitContext).shape, (Shape{1, 512, 5120}));
  EXPECT_FALSE(spec->Of(kSplitContext).needs_grad);
  EXPECT_EQ(spec->Of(kSplitModulation).shape, (Shape{1, 1, 6, 5120}));
  EXPECT_EQ(spec->Of(kSplitModulation).dtype, DType::kF32);
}

TEST(BoundaryTest, FrameTimestepsWidenTheModulation) {
  ModelSpec ti2v = TinyWan();
  ti2v.in_channels = ti2v.out_channels = 48;
  MicrobatchShape shape = Shape480p();
  shape.first_frame_given = true;
  auto spec = MakeBoundarySpec(ti2v, shape, DType::kF32);
  ASSERT_TRUE(spec.ok());
  EXPECT_EQ(spec->Of(kSplitModulation).shape, (Shape{1, 13, 6, 12}));
  EXPECT_EQ(MakeBoundarySpec(TinyWan(), shape, DType::kF32).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(BoundaryTest, DigestSeesEveryDifference) {
  const MicrobatchShape shape = Shape480p();
  const std::string digest =
      MakeBoundarySpec(A14B(36), shape, DType::kBF16)->Digest();
  EXPECT_EQ(digest.size(), 64u);
  EXPECT_EQ(digest, MakeBoundarySpec(A14B(16), shape, DType::kBF16)->Digest());
  EXPECT_NE(digest, MakeBoundarySpec(A14B(36), shape, DType::kF32)->Digest());
  MicrobatchShape longer = shape;
  longer.text_tokens = 511;
  EXPECT_NE(digest, MakeBoundarySpec(A14B(36), longer, DType::kBF16)->Digest());
}

TEST(BoundaryTest, RefusesSizesThatDoNotFit) {
  MicrobatchShape odd = Shape480p();
  odd.rows = 61;
  EXPECT_EQ(CountTokens(A14B(36), odd).status().message(),
            "latents: expected rows to be a positive multiple of 2 (the "
            "model's patch), found 61");
  MicrobatchShape image = Shape480p();
  image.image_tokens = 257;
  EXPECT_FALSE(CountTokens(A14B(36), image).ok());
  ModelSpec flf = A14B(36);
  flf.image_dim = 1280;
  EXPECT_TRUE(CountTokens(flf, image).ok());
  flf.image_positions = 514;
  EXPECT_EQ(CountTokens(flf, image).status().message(),
            "clip_feature: this model (I2V (20 condition channels), first and "
            "last image) takes 514 tokens, found 257 tokens");
  MicrobatchShape silent = Shape480p();
  silent.text_tokens = 0;
  EXPECT_FALSE(CountTokens(A14B(16), silent).ok());
}

}  // namespace
}  // namespace halfpipe
