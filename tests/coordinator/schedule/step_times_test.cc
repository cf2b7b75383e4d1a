#include "coordinator/schedule/step_times.h"

#include "gtest/gtest.h"

namespace halfpipe {
namespace {

pipeline::TimedAction Timing(absl::string_view action, double start,
                             double end) {
  return {pipeline::ParseAction(action).value(), start, end};
}

// Two stages, one micro-batch: stage 1 waits from 0 to 5, of which the bytes
// moved for 1; its clock is 100 s off, which must not matter.
std::vector<StepReport> OneMicrobatch() {
  std::vector<StepReport> reports(2);
  reports[0].timings = {Timing("0F0", 0, 4),    Timing("0SF0", 4, 5),
                        Timing("2RF0", 5, 9.5), Timing("2F0", 9.5, 10),
                        Timing("NORM", 10, 11), Timing("STEP", 11, 12)};
  reports[0].step_seconds = 12.5;
  reports[0].busy_seconds = 5.0;  // 0.5 of data are taken off
  reports[0].data_seconds = 0.5;
  reports[0].link_bytes_sent = 100;
  reports[1].timings = {Timing("1RF0", 0, 5), Timing("1F0", 5, 8),
                        Timing("1SF0", 8, 9), Timing("NORM", 9, 11),
                        Timing("STEP", 11, 12)};
  reports[1].step_seconds = 12.0;
  reports[1].busy_seconds = 4.0;
  reports[1].link_bytes_sent = 70;
  return reports;
}

TEST(StepTimesTest, AWaitForThePeerIsTheLinksOnlyWhileBytesMove) {
  const std::vector<StageTimes> times = StageTimesOf(OneMicrobatch());
  ASSERT_EQ(times.size(), 2u);
  // 1RF0 lasted 5 s here, but 1 s on the side that came last. So did NORM.
  EXPECT_DOUBLE_EQ(times[1].recv, 1.0 + 1.0);
  EXPECT_DOUBLE_EQ(times[1].bubble, 12.0 - 4.0 - 2.0);
  EXPECT_DOUBLE_EQ(times[1].receive, 1.0);
  EXPECT_DOUBLE_EQ(times[1].send, 1.0);  // 2RF0 lasted 4.5 at its receiver
  // Stage 0 waited 5.5 s for 2F0, 1 s of it for the link, and 1 s for NORM.
  EXPECT_DOUBLE_EQ(times[0].recv, 2.0);
  EXPECT_DOUBLE_EQ(times[0].bubble, 12.5 - 5.0 - 0.5 - 2.0);
}

TEST(StepTimesTest, BusyAndIdleAreTheStep) {
  const std::vector<StepReport> reports = OneMicrobatch();
  const std::vector<StageTimes> times = StageTimesOf(reports);
  for (size_t r = 0; r < 2; ++r) {
    EXPECT_DOUBLE_EQ(
        times[r].busy + times[r].bubble + times[r].recv + times[r].data,
        reports[r].step_seconds);
  }
}

TEST(StepTimesTest, PhasesAndBytes) {
  const std::vector<StageTimes> times = StageTimesOf(OneMicrobatch());
  EXPECT_DOUBLE_EQ(times[0].forward, 4.0 + 0.5 - 0.5);  // without the data
  EXPECT_DOUBLE_EQ(times[0].optimizer, 1.0);
  EXPECT_DOUBLE_EQ(times[0].backward, 0.0);
  EXPECT_EQ(times[0].bytes_received, 70);
  EXPECT_EQ(times[1].bytes_received, 100);
}

TEST(StepTimesTest, OneStageHasNoLink) {
  std::vector<StepReport> reports(1);
  reports[0].timings = {Timing("0F0", 0, 1), Timing("0B0", 2, 3),
                        Timing("STEP", 3, 4)};
  reports[0].step_seconds = 4;
  reports[0].busy_seconds = 3;
  const std::vector<StageTimes> times = StageTimesOf(reports);
  ASSERT_EQ(times.size(), 1u);
  EXPECT_DOUBLE_EQ(times[0].recv, 0.0);
  EXPECT_DOUBLE_EQ(times[0].bubble, 1.0);
  EXPECT_DOUBLE_EQ(times[0].backward, 1.0);
}

}  // namespace
}  // namespace halfpipe
