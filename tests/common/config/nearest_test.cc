#include "common/config/nearest.h"

#include <string>

#include "gtest/gtest.h"

namespace halfpipe {
namespace {

TEST(NearestTest, CountsEdits) {
  EXPECT_EQ(EditDistance("", ""), 0u);
  EXPECT_EQ(EditDistance("abc", ""), 3u);
  EXPECT_EQ(EditDistance("rank", "rnak"), 1u);   // a swap
  EXPECT_EQ(EditDistance("rank", "ranks"), 1u);  // an insertion
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3u);
}

TEST(NearestTest, FindsASlipAndNothingElse) {
  EXPECT_EQ(Nearest("widht", {"height", "width"}), "width");
  EXPECT_EQ(Nearest("optimzer", {"optimizer", "steps"}), "optimizer");
  EXPECT_EQ(Nearest("colour", {"rank", "steps"}), std::nullopt);
  EXPECT_EQ(Nearest("", {"a"}), std::nullopt);
  EXPECT_EQ(Nearest(std::string(1000, 'a'), {"a"}), std::nullopt);
}

}  // namespace
}  // namespace halfpipe
