#include "coordinator/schedule/pair_fit.h"

#include "coordinator/fake_stage.h"
#include "coordinator/job_book_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class PairFitTest : public JobBookTest {
 protected:
  PairFitTest() { Create("a"); }

  void Join(const std::string& pair, int32_t rank) {
    StageInfo info = MakeStageInfo(rank);
    info.pair = pair;
    ASSERT_TRUE(registry_.Register(info, now_).ok());
  }

  void JoinPair(const std::string& pair) {
    Join(pair, 0);
    Join(pair, 1);
  }

  std::string WhyNot(const std::string& pair) {
    return fit_.WhyNotFor("a", **book_->reader().Needs("a"), pair,
                          registry_.StagesOf(pair));
  }

  StageRegistry registry_{StageRegistryOptions()};
  PairFit fit_{book_.get(), &registry_};
};

TEST_F(PairFitTest, AJobThatDoesNotFitIsTriedOnEachPairOnce) {
  JoinPair("left");
  JoinPair("right");
  EXPECT_EQ(WhyNot("left"), "");
  EXPECT_TRUE(fit_.MayGoElsewhere("a", "left"));
  EXPECT_THAT(WhyNot("left"), HasSubstr("does not fit its memory"));
  EXPECT_EQ(WhyNot("right"), "");
  EXPECT_FALSE(fit_.MayGoElsewhere("a", "right")) << "none is left";
  EXPECT_EQ(WhyNot("left"), "") << "the next try is one of all of them";
}

TEST_F(PairFitTest, APairThatIsNotWholeIsNoOtherOne) {
  JoinPair("left");
  Join("right", 1);
  EXPECT_THAT(fit_.PairsNow(), SizeIs(2));
  EXPECT_FALSE(fit_.MayGoElsewhere("a", "left"));
  EXPECT_FALSE(fit_.MayGoElsewhere("none", "left"));
}

TEST_F(PairFitTest, WhatWasFoundIsForgotten) {
  JoinPair("left");
  JoinPair("right");
  ASSERT_TRUE(fit_.MayGoElsewhere("a", "left"));
  fit_.ForgetPair("right");
  EXPECT_NE(WhyNot("left"), "");
  fit_.ForgetPair("left");
  EXPECT_EQ(WhyNot("left"), "");
  ASSERT_TRUE(fit_.MayGoElsewhere("a", "left"));
  fit_.ForgetJob("a");
  EXPECT_EQ(WhyNot("left"), "");
}

}  // namespace
}  // namespace halfpipe
