#include "common/base/nearest.h"

#include <map>
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

TEST(NearestNameTest, FindsTheClosest) {
  std::map<std::string, int> known = {
      {"blocks.0.self_attn.q", 0}, {"blocks.0.self_attn.k", 0}, {"head", 0}};
  EXPECT_EQ(NearestNameHint("blocks.0.selfattn.k", known),
            "; the nearest name is 'blocks.0.self_attn.k'");
}

TEST(NearestNameTest, SaysNothingWithoutCandidates) {
  EXPECT_EQ(NearestNameHint("x", std::map<std::string, int>()), "");
}

TEST(NearestNameTest, BearsVeryLongNames) {
  NearestName nearest(std::string(1 << 20, 'a'));
  nearest.Offer(std::string(1 << 20, 'b'));
  nearest.Offer("a");
  EXPECT_EQ(nearest.Hint(), "; the nearest name is 'a'");
}

}  // namespace
}  // namespace halfpipe
