#include "client/jobs/follow_job.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

JobEvent StepEvent(int64_t steps_done) {
  JobEvent event;
  StepProgress step;
  step.steps_done = steps_done;
  event.what = step;
  return event;
}

TEST(JobAdvanceTest, StepsThatAreDoneAgainAreNoProgress) {
  JobAdvance advance(4);
  EXPECT_FALSE(advance.See(StepEvent(4)));
  EXPECT_TRUE(advance.See(StepEvent(5)));
  EXPECT_TRUE(advance.See(StepEvent(6)));
  EXPECT_FALSE(advance.See(StepEvent(5)));
  EXPECT_FALSE(advance.See(StepEvent(6)));
  EXPECT_TRUE(advance.See(StepEvent(7)));
}

TEST(JobAdvanceTest, ACheckpointIs) {
  JobAdvance advance(4);
  JobEvent event;
  event.what = Checkpoint{};
  EXPECT_TRUE(advance.See(event));
  event.what = LogLine{LogSeverity::kInfo, "stage 0 was lost"};
  EXPECT_FALSE(advance.See(event));
  event.what = StateChange{JobState::kPreparing, "", {}};
  EXPECT_FALSE(advance.See(event));
}

}  // namespace
}  // namespace halfpipe
