#include "common/store/nearest_name.h"

#include <gtest/gtest.h>

namespace halfpipe {
namespace {

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
