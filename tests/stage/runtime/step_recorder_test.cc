#include "stage/runtime/step_recorder.h"

#include <gtest/gtest.h>

#include "absl/time/clock.h"
#include "stage/runtime/host_event.h"

namespace halfpipe {
namespace {

using pipeline::ParseAction;

TEST(StepRecorderTest, OverlapIsBusyOnce) {
  EXPECT_DOUBLE_EQ(UnionSeconds({{0, 2}, {1, 3}, {5, 6}, {5.5, 5.75}}), 4.0);
  EXPECT_DOUBLE_EQ(UnionSeconds({}), 0.0);
}

TEST(StepRecorderTest, TheWaitForAnInputIsNotBusy) {
  const EventPtr begin = HostEvent::Now();
  StepRecorder recorder(begin);
  absl::SleepFor(absl::Milliseconds(30));
  const EventPtr arrived = HostEvent::Now();
  absl::SleepFor(absl::Milliseconds(5));
  const EventPtr end = HostEvent::Now();
  recorder.AddTransfer(ParseAction("1RF0").value(), {begin, arrived});
  recorder.AddCompute(ParseAction("1F0").value(), begin, end);
  StepReport report;
  ASSERT_TRUE(recorder.Finish(&report).ok());
  EXPECT_LT(report.busy_seconds, 0.030);
  EXPECT_GE(report.busy_seconds, 0.005);
  EXPECT_GE(report.step_seconds, 0.035);
  ASSERT_EQ(report.timings.size(), 2u);
  EXPECT_DOUBLE_EQ(report.timings[1].start_seconds,
                   report.timings[0].end_seconds);
}

}  // namespace
}  // namespace halfpipe
