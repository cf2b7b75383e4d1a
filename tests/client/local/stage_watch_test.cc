#include "client/local/stage_watch.h"

#include <optional>

#include "gtest/gtest.h"

namespace halfpipe {
namespace {

class StageWatchTest : public ::testing::Test {
 protected:
  // Looks once a second for `seconds`; whether the last look was a verdict.
  // Earlier ones must not be.
  bool LooksFor(int seconds, pid_t child, std::optional<int64_t> holder) {
    std::optional<StageWatch::Verdict> verdict;
    for (int i = 0; i < seconds; ++i) {
      EXPECT_FALSE(verdict.has_value()) << "after " << i << " s";
      now_ += absl::Seconds(1);
      verdict = watch_.See({.child = child, .holder = holder}, now_);
    }
    last_ = verdict;
    return verdict.has_value();
  }

  StageWatch watch_{{.join = absl::Seconds(20), .lost = absl::Seconds(5)}};
  absl::Time now_ = absl::UnixEpoch();
  std::optional<StageWatch::Verdict> last_;
};

TEST_F(StageWatchTest, OneThatHoldsItsPlaceIsLeftAlone) {
  EXPECT_FALSE(LooksFor(1000, 7, 7));
}

TEST_F(StageWatchTest, ALostPlaceIsAVerdictSoon) {
  EXPECT_FALSE(LooksFor(3, 7, 7));
  EXPECT_FALSE(LooksFor(6, 7, std::nullopt));  // seen for 5 s
  EXPECT_TRUE(LooksFor(1, 7, std::nullopt));
  EXPECT_TRUE(last_->had_place);
  EXPECT_EQ(last_->without, absl::Seconds(6));
}

TEST_F(StageWatchTest, OneThatComesBackIsLeftAlone) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(LooksFor(1, 7, 7));
    EXPECT_FALSE(LooksFor(6, 7, std::nullopt));
  }
}

TEST_F(StageWatchTest, AStartMayTakeLonger) {
  EXPECT_FALSE(LooksFor(21, 7, std::nullopt));
  EXPECT_TRUE(LooksFor(1, 7, std::nullopt));
  EXPECT_FALSE(last_->had_place);
}

TEST_F(StageWatchTest, ARestartedProcessStartsAnew) {
  EXPECT_FALSE(LooksFor(3, 7, 7));
  EXPECT_FALSE(LooksFor(6, 7, std::nullopt));
  // Its dead predecessor may be listed for a moment: that is not a join.
  EXPECT_FALSE(LooksFor(1, 8, 7));
  EXPECT_FALSE(LooksFor(21, 8, std::nullopt));
  EXPECT_TRUE(LooksFor(1, 8, std::nullopt));
  EXPECT_FALSE(last_->had_place);
}

TEST_F(StageWatchTest, TimeWithoutALookDoesNotCount) {
  EXPECT_FALSE(LooksFor(3, 7, 7));
  EXPECT_FALSE(LooksFor(4, 7, std::nullopt));
  now_ += absl::Hours(1);
  EXPECT_FALSE(LooksFor(6, 7, std::nullopt));
  watch_.LookAway();
  EXPECT_FALSE(LooksFor(6, 7, std::nullopt));
  EXPECT_TRUE(LooksFor(1, 7, std::nullopt));
}

}  // namespace
}  // namespace halfpipe
