// The wall clock is set under a running coordinator: what takes time does not
// notice, and what is shown has the hour that the clock shows.
#include "common/base/steady_clock.h"
#include "coordinator/coordinator_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr absl::Duration kDay = absl::Hours(24);

// By how much the clock is set.
class ClockStepTest : public CoordinatorTest,
                      public testing::WithParamInterface<absl::Duration> {
 protected:
  ClockStepTest() {
    now_ += 2 * kDay;
    Open();
  }

  void SetWallClock() { wall_ahead_ = GetParam(); }
};

TEST_P(ClockStepTest, LeasesEndAfterTheirTimeAndNotBefore) {
  JoinPair("default");
  SetWallClock();
  Pass(absl::Seconds(5));
  EXPECT_THAT(coordinator_->Info().stages, SizeIs(2));
  now_ += absl::Seconds(1);
  coordinator_->Tick();
  EXPECT_THAT(coordinator_->Info().stages, SizeIs(2));
  for (int i = 0; i < 11; ++i) {
    now_ += absl::Seconds(1);
    coordinator_->Tick();
  }
  EXPECT_THAT(coordinator_->Info().stages, IsEmpty());
}

TEST_P(ClockStepTest, ARetryWaitsForItsTimeAndNoLonger) {
  JobSpec spec = Spec("a");
  spec.retry_limit = 2;
  spec.retry_backoff = absl::Seconds(10);
  spec.join_timeout = absl::Seconds(5);
  ASSERT_TRUE(coordinator_->CreateJob(spec).ok());
  Pass(absl::Seconds(7));
  ASSERT_THAT(ReasonOf("a"), HasSubstr("retry 1 of 2 in 10s"));
  SetWallClock();
  JoinPair("default");
  Pass(absl::Seconds(5));
  EXPECT_EQ(StateOf("a"), JobState::kQueued);
  Pass(absl::Seconds(6));
  EXPECT_EQ(StateOf("a"), JobState::kPreparing);
}

TEST_P(ClockStepTest, WhatIsSaidIsWrittenInTimeAndHasTheClocksHour) {
  JoinPair("default");
  ASSERT_TRUE(coordinator_->CreateJob(Spec("a")).ok());
  const int64_t before = coordinator_->GetJob("a")->last_cursor;
  SetWallClock();
  const StageInfo info = InfoOf(0, "default");
  const auto heard =
      coordinator_->Heartbeat({info.pair, info.rank}, info.incarnation, {});
  ASSERT_TRUE(heard.ok());
  StageHeartbeat beat;
  beat.lines.push_back({LogLevel::kInfo, "hello", heard->epoch});
  ASSERT_TRUE(
      coordinator_->Heartbeat({info.pair, info.rank}, info.incarnation, beat)
          .ok());
  for (int i = 0; i < 10; ++i) {
    now_ += absl::Milliseconds(100);
    coordinator_->Tick();
  }
  const auto batch =
      coordinator_->WaitForEvents("a", before, SteadyNow(), Never);
  ASSERT_TRUE(batch.ok()) << batch.status();
  ASSERT_THAT(batch->events, SizeIs(1));
  EXPECT_LT(absl::AbsDuration(batch->events[0].time - now_ - GetParam()),
            absl::Seconds(2));
}

INSTANTIATE_TEST_SUITE_P(Steps, ClockStepTest,
                         testing::Values(-kDay, kDay, absl::Hours(-40)));

}  // namespace
}  // namespace halfpipe
