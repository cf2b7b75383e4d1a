#include "common/model/extents.h"

#include <gtest/gtest.h>

namespace halfpipe {
namespace {

const MicrobatchShape kMicrobatch = {.batch = 2,
                                     .frames = 3,
                                     .rows = 8,
                                     .columns = 10,
                                     .text_tokens = 7,
                                     .image_tokens = 5};
const TokenCounts kCounts = {
    .frames = 3, .rows = 4, .columns = 5, .modulation_groups = 3};

TEST(ExtentsTest, EverySizeIsTheSamples) {
  const Extents all = {{Axis::kBatch},
                       {Axis::kLatentFrames},
                       {Axis::kLatentRows},
                       {Axis::kLatentColumns},
                       {Axis::kTokens},
                       {Axis::kTextTokens},
                       {Axis::kImageTokens},
                       {Axis::kContextTokens},
                       {Axis::kModulationGroups},
                       Fixed(6)};
  EXPECT_EQ(ShapeIn(all, kMicrobatch, kCounts),
            (Shape{2, 3, 8, 10, 60, 7, 5, 12, 3, 6}));
  EXPECT_EQ(ToText(all), "(B, T, H, W, L, Lt, Li, Li + Lt, G, 6)");
}

TEST(ExtentsTest, NoSizesAreAScalar) {
  EXPECT_TRUE(ShapeIn({}, kMicrobatch, kCounts).empty());
  EXPECT_EQ(ToText(Extents()), "()");
}

}  // namespace
}  // namespace halfpipe
