#include "coordinator/schedule/trace_book.h"

#include "absl/strings/str_cat.h"
#include "coordinator/schedule/step_times.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

StepTrace Trace(int64_t steps_done, size_t actions = 1) {
  StepTrace trace;
  trace.steps_done = steps_done;
  trace.stages.resize(1);
  trace.stages[0].actions.resize(actions);
  return trace;
}

TEST(TraceBookTest, KeepsTheLastStepsOfAJob) {
  TraceBook book;
  EXPECT_THAT(book.Last("a", 0), IsEmpty());
  for (int64_t step = 1; step <= 20; ++step) book.Add("a", Trace(step));
  const auto all = book.Last("a", 0);
  ASSERT_THAT(all, SizeIs(TraceBook::kSteps));
  EXPECT_EQ(all.back().steps_done, 20);
  EXPECT_EQ(all.front().steps_done, 13);
  const auto two = book.Last("a", 2);
  ASSERT_THAT(two, SizeIs(2));
  EXPECT_EQ(two.front().steps_done, 19);
  EXPECT_THAT(book.Last("a", 1000), SizeIs(TraceBook::kSteps));
}

TEST(TraceBookTest, LongStepsAreFewButOneIsAlwaysThere) {
  TraceBook book;
  for (int64_t step = 1; step <= 3; ++step) {
    book.Add("a", Trace(step, TraceBook::kActions / 2));
  }
  EXPECT_THAT(book.Last("a", 0), SizeIs(2));
  book.Add("a", Trace(4, 2 * TraceBook::kActions));
  EXPECT_THAT(book.Last("a", 0), SizeIs(1));
}

TEST(TraceBookTest, ForgetsTheJobThatSteppedLongestAgo) {
  TraceBook book;
  book.Add("first", Trace(1));
  book.Add("second", Trace(1));
  book.Add("first", Trace(2));
  for (size_t i = 0; i + 1 < TraceBook::kJobs; ++i) {
    book.Add(absl::StrCat("job ", i), Trace(1));
  }
  EXPECT_THAT(book.Last("first", 0), SizeIs(2));
  EXPECT_THAT(book.Last("second", 0), IsEmpty());
}

TEST(TraceBookTest, AStepIsMadeOfItsReports) {
  std::vector<StepReport> reports(2);
  reports[0].losses = {0.5, 1.5};
  reports[0].timings = {{pipeline::ParseAction("0F0").value(), 0.0, 1.0}};
  reports[0].step_seconds = 2.0;
  reports[0].busy_seconds = 1.0;
  reports[1].link_bytes_sent = 70;
  const StepTrace trace =
      TraceOf(41, absl::FromUnixSeconds(9), reports, StageTimesOf(reports));
  EXPECT_EQ(trace.steps_done, 41);
  EXPECT_EQ(trace.loss, 1.0);
  ASSERT_THAT(trace.stages, SizeIs(2));
  EXPECT_THAT(trace.stages[0].actions, SizeIs(1));
  EXPECT_EQ(trace.stages[0].bubble_seconds, 1.0);
  EXPECT_EQ(trace.stages[1].rank, 1);
  EXPECT_EQ(trace.stages[1].link_bytes_sent, 70);
}

}  // namespace
}  // namespace halfpipe
