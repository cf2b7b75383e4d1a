#include "coordinator/run/progress_watch.h"

#include "gtest/gtest.h"

namespace halfpipe {
namespace {

class ProgressWatchTest : public ::testing::Test {
 protected:
  using Stalls = std::vector<ProgressWatch::Stall>;

  static StageMark InStep(int64_t sequence, int64_t action) {
    return {.sequence = sequence, .in_step = true, .action_index = action};
  }

  static StageMark Doing(StageWork work, int64_t done = 0) {
    return {.sequence = 1, .progress = {.work = work, .done = done}};
  }

  // Heartbeats every two seconds with that mark for as long as `time`; the
  // verdict of the last of them, or of the first that has one.
  Stalls Stay(int32_t rank, const StageMark& mark, absl::Duration time) {
    for (absl::Duration at; at < time; at += absl::Seconds(2)) {
      now_ += absl::Seconds(2);
      Stalls stalls = watch_.OnHeartbeat(rank, mark, now_);
      if (!stalls.empty()) return stalls;
    }
    return {};
  }

  // Both ranks at once.
  Stalls StayBoth(const StageMark& a, const StageMark& b, absl::Duration time) {
    for (absl::Duration at; at < time; at += absl::Seconds(2)) {
      now_ += absl::Seconds(2);
      Stalls stalls = watch_.OnHeartbeat(0, a, now_);
      if (stalls.empty()) stalls = watch_.OnHeartbeat(1, b, now_);
      if (!stalls.empty()) return stalls;
    }
    return {};
  }

  // Steps of rank 0: action 0 takes a moment, action 5 `time`.
  void Train(int steps, absl::Duration time) {
    for (int i = 0; i < steps; ++i) {
      EXPECT_TRUE(Stay(0, InStep(++sequence_, 0), absl::Seconds(2)).empty());
      EXPECT_TRUE(Stay(0, InStep(sequence_, 5), time).empty());
    }
  }

  absl::Time now_ = absl::UnixEpoch();
  int64_t sequence_ = 0;
  ProgressWatch watch_;
};

TEST_F(ProgressWatchTest, AFewTimesTheMedianOfAnActionIsTooMuch) {
  Train(5, absl::Seconds(40));
  ++sequence_;
  EXPECT_TRUE(Stay(0, InStep(sequence_, 5), absl::Seconds(196)).empty());
  const Stalls stalls = Stay(0, InStep(sequence_, 5), absl::Seconds(20));
  ASSERT_EQ(stalls.size(), 1u);
  EXPECT_EQ(stalls[0].rank, 0);
  EXPECT_EQ(stalls[0].mark, InStep(sequence_, 5));
  EXPECT_EQ(stalls[0].median, absl::Seconds(40));
  EXPECT_GT(stalls[0].stood, absl::Seconds(200));
}

TEST_F(ProgressWatchTest, AShortActionHasAMinuteAllTheSame) {
  Train(5, absl::Seconds(40));
  ++sequence_;
  // One that no heartbeat of the steps before has met.
  EXPECT_TRUE(Stay(0, InStep(sequence_, 3), absl::Seconds(60)).empty());
  const Stalls stalls = Stay(0, InStep(sequence_, 3), absl::Seconds(6));
  ASSERT_EQ(stalls.size(), 1u);
  EXPECT_EQ(stalls[0].median, absl::ZeroDuration());
}

TEST_F(ProgressWatchTest, TheFirstStepsAreNotJudgedByNothing) {
  EXPECT_TRUE(Stay(0, InStep(1, 5), absl::Minutes(29)).empty());
  EXPECT_FALSE(Stay(0, InStep(1, 5), absl::Minutes(2)).empty());
}

TEST_F(ProgressWatchTest, AStepStandsStillOnlyWhereBothDo) {
  for (int i = 1; i <= 5; ++i) {
    EXPECT_TRUE(
        StayBoth(InStep(i, 0), InStep(i, 0), absl::Seconds(10)).empty());
    EXPECT_TRUE(
        StayBoth(InStep(i, 1), InStep(i, 1), absl::Seconds(10)).empty());
  }
  // Stage 0 waits; stage 1 is slow, but it gets on.
  for (int64_t action = 0; action < 20; ++action) {
    EXPECT_TRUE(
        StayBoth(InStep(6, 0), InStep(6, action), absl::Seconds(30)).empty());
  }
  const Stalls stalls =
      StayBoth(InStep(6, 0), InStep(6, 19), absl::Seconds(60));
  ASSERT_EQ(stalls.size(), 2u);
  EXPECT_EQ(stalls[1].rank, 1);
}

TEST_F(ProgressWatchTest, APeerThatHasNoCommandDoesNotHoldAVerdict) {
  Train(5, absl::Seconds(2));
  (void)watch_.OnHeartbeat(1, InStep(1, 0), now_);
  watch_.OnIdle(1);
  EXPECT_FALSE(Stay(0, InStep(99, 5), absl::Seconds(70)).empty());
}

TEST_F(ProgressWatchTest, AnotherScheduleIsLearntAnew) {
  watch_.OnSchedule("a");
  Train(5, absl::Seconds(2));
  watch_.OnSchedule("a");  // as after a restart
  ++sequence_;
  EXPECT_FALSE(Stay(0, InStep(sequence_, 5), absl::Seconds(80)).empty());
  watch_.OnIdle(0);
  watch_.OnSchedule("b");
  ++sequence_;
  EXPECT_TRUE(Stay(0, InStep(sequence_, 5), absl::Minutes(29)).empty());
}

TEST_F(ProgressWatchTest, ALongLoadThatGetsOnIsNotStuck) {
  for (int part = 0; part < 400; ++part) {
    EXPECT_TRUE(
        Stay(0, Doing(StageWork::kLoadingWeights, part), absl::Seconds(20))
            .empty());
  }
  EXPECT_TRUE(Stay(0, Doing(StageWork::kLoadingWeights, 400), absl::Minutes(9))
                  .empty());
  const Stalls stalls =
      Stay(0, Doing(StageWork::kLoadingWeights, 400), absl::Minutes(2));
  ASSERT_EQ(stalls.size(), 1u);
  EXPECT_EQ(stalls[0].mark, Doing(StageWork::kLoadingWeights, 400));
}

TEST_F(ProgressWatchTest, ClipsThatTakeLongAreKnownTo) {
  for (int clip = 0; clip < 4; ++clip) {
    EXPECT_TRUE(
        Stay(1, Doing(StageWork::kEncodingClips, clip), absl::Minutes(8))
            .empty());
  }
  EXPECT_TRUE(
      Stay(1, Doing(StageWork::kEncodingClips, 4), absl::Minutes(39)).empty());
  EXPECT_FALSE(
      Stay(1, Doing(StageWork::kEncodingClips, 4), absl::Minutes(3)).empty());
}

TEST_F(ProgressWatchTest, WhoeverWaitsForThePeersLoadIsNotStuck) {
  EXPECT_TRUE(Stay(0, Doing(StageWork::kJoining), absl::Hours(3)).empty());
}

TEST_F(ProgressWatchTest, TimeWithoutHeartbeatsIsNotTheStages) {
  Train(5, absl::Seconds(2));
  ++sequence_;
  (void)watch_.OnHeartbeat(0, InStep(sequence_, 5), now_);
  now_ += absl::Hours(1);  // the coordinator was stopped
  EXPECT_TRUE(watch_.OnHeartbeat(0, InStep(sequence_, 5), now_).empty());
}

}  // namespace
}  // namespace halfpipe
