// JobRunner where a job is cancelled, interrupted or its stage stopped.
#include "coordinator/job_runner_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(JobRunnerTest, CancelSavesTheLastStep) {
  Start(MakePlan());
  // Step 2 runs on both; step 3 waits.
  const std::vector<StageCommand> held = HoldStep(2);
  const StageCommand& step0 = held[0];
  const StageCommand& step1 = held[1];
  EXPECT_FALSE(runner_->WantsAbandon(Rank(0)));
  runner_->Stop(StopKind::kCancel, now_);
  EXPECT_EQ(host_.state, JobState::kCancelling);
  EXPECT_TRUE(runner_->WantsAbandon(Rank(0)));
  EXPECT_TRUE(runner_->WantsAbandon(Rank(1)));
  // It was too late to abandon: both complete step 2.
  Deliver(0, stages_[0].Answer(step0));
  EXPECT_FALSE(runner_->WantsAbandon(Rank(1)));
  Deliver(1, stages_[1].Answer(step1));
  Work();
  EXPECT_EQ(host_.state, JobState::kCancelled);
  EXPECT_THAT(host_.committed, ElementsAre(2, 3));
  EXPECT_THAT(host_.reason, HasSubstr("3 steps"));
}

TEST_F(JobRunnerTest, CancelOfAnAbandonedStepSavesTheOneBefore) {
  JobPlan plan = MakePlan();
  plan.config.output.save_every = {0, 3600};
  Start(plan);
  const std::vector<StageCommand> held = HoldStep(3);
  const StageCommand& step0 = held[0];
  const StageCommand& step1 = held[1];
  runner_->Stop(StopKind::kCancel, now_);
  Deliver(0, Failure(step0, absl::CancelledError("abandoned")));
  Deliver(1, Failure(step1, absl::CancelledError("abandoned")));
  Work();
  EXPECT_EQ(host_.state, JobState::kCancelled);
  EXPECT_THAT(host_.committed, ElementsAre(3));
}

TEST_F(JobRunnerTest, HalvesThatDoNotBelongTogetherAreNotSaved) {
  JobPlan plan = MakePlan();
  plan.config.output.save_every = {0, 3600};
  Start(plan);
  const std::vector<StageCommand> held = HoldStep(3);
  const StageCommand& step0 = held[0];
  const StageCommand& step1 = held[1];
  runner_->Stop(StopKind::kCancel, now_);
  Deliver(0, stages_[0].Answer(step0));
  Deliver(1, Failure(step1, absl::CancelledError("abandoned")));
  Work();
  EXPECT_EQ(host_.state, JobState::kCancelled);
  EXPECT_THAT(host_.committed, IsEmpty());
}

TEST_F(JobRunnerTest, CancelNowSavesNothing) {
  Start(MakePlan());
  ASSERT_TRUE(WorkUntil<StepCommand>(0, 3).has_value());
  const Epoch before = host_.epoch;
  runner_->Stop(StopKind::kCancelNow, now_);
  EXPECT_EQ(host_.state, JobState::kCancelled);
  EXPECT_GT(host_.epoch, before);  // the running step is void
  ASSERT_FALSE(host_.places[0].queue.empty());
  EXPECT_TRUE(
      std::holds_alternative<EndCommand>(host_.places[0].queue[0].body));
}

TEST_F(JobRunnerTest, CancelDuringASaveLetsItFinish) {
  Start(MakePlan());
  const auto save = WorkUntil<SaveCommand>(0);
  runner_->Stop(StopKind::kCancel, now_);
  Deliver(0, stages_[0].Answer(*save));
  Work();
  EXPECT_EQ(host_.state, JobState::kCancelled);
  EXPECT_THAT(host_.committed, ElementsAre(2));
}

TEST_F(JobRunnerTest, AStageThatHangsDoesNotHoldACancelForEver) {
  Start(MakePlan());
  ASSERT_TRUE(WorkUntil<StepCommand>(0).has_value());
  runner_->Stop(StopKind::kCancel, now_);
  runner_->OnTick(now_ + absl::Seconds(61));
  EXPECT_EQ(host_.state, JobState::kCancelled);
}

TEST_F(JobRunnerTest, AnInterruptedJobIsSavedAndQueued) {
  JobPlan plan = MakePlan();
  plan.config.output.save_every = {0, 3600};
  Start(plan);
  const auto step0 = WorkUntil<StepCommand>(0, 2);
  runner_->Stop(StopKind::kInterrupt, now_);
  Deliver(0, stages_[0].Answer(*step0));
  Work();
  EXPECT_EQ(host_.state, JobState::kQueued);
  EXPECT_THAT(host_.committed, SizeIs(1));
}

TEST_F(JobRunnerTest, AStageThatIsStoppedSavesBeforeTheRestart) {
  JobPlan plan = MakePlan();
  plan.config.output.save_every = {0, 3600};
  Start(plan);
  const std::vector<StageCommand> held = HoldStep(3);
  const StageCommand& step0 = held[0];
  const StageCommand& step1 = held[1];
  Deliver(0, Failure(step0, absl::CancelledError("the stage is stopping")));
  EXPECT_TRUE(runner_->WantsAbandon(Rank(1)));
  Deliver(1, Failure(step1, absl::CancelledError("abandoned")));
  ASSERT_TRUE(WorkUntil<ExportCommand>(0).has_value());
  const auto exporting = host_.places[0].delivered;
  Deliver(0, {exporting, host_.epoch, absl::OkStatus(), ExportResult{}});
  EXPECT_THAT(host_.committed, ElementsAre(3));
  EXPECT_EQ(host_.restarts, 1);
  Kill(0);
  Work();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
}

}  // namespace
}  // namespace halfpipe
