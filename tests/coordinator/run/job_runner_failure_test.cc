// JobRunner where stages die, fail or do not come.
#include <limits>

#include "coordinator/job_runner_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Kills `rank` when it is given a command of type T; the job must end as if
// nothing had happened.
template <typename T>
class KillTest : public JobRunnerTest {};

using EveryCommand =
    ::testing::Types<ScanCommand, EncodeCommand, OpenLinkCommand, StartCommand,
                     StepCommand, SaveCommand, ExportCommand>;
TYPED_TEST_SUITE(KillTest, EveryCommand);

TYPED_TEST(KillTest, TheJobGoesOnFromTheLastCommit) {
  for (int32_t rank : {0, 1}) {
    for (int skip : {0, 1, 2}) {
      this->host_ = FakeHost();
      this->ledger_ = FakeLedger();
      this->Start(MakePlan());
      const auto command = this->template WorkUntil<TypeParam>(rank, skip);
      if (!command.has_value()) continue;  // not that many of them
      this->Kill(rank);
      EXPECT_EQ(this->host_.restarts, 1);
      // What the dead process might still have sent changes nothing.
      this->Deliver(rank,
                    this->stages_[static_cast<size_t>(rank)].Answer(*command));
      this->Work();
      EXPECT_EQ(this->host_.state, JobState::kDone) << this->host_.error;
      EXPECT_THAT(this->host_.committed, ElementsAre(2, 4, 6));
      EXPECT_THAT(this->ledger_.open, IsEmpty());
    }
  }
}

TEST_F(JobRunnerTest, ARestartBeginsAtTheCheckpoint) {
  Start(MakePlan());
  ASSERT_TRUE(WorkUntil<StepCommand>(1, 3).has_value());
  Kill(1);
  const auto start = WorkUntil<StartCommand>(0);
  ASSERT_TRUE(start.has_value());
  EXPECT_EQ(std::get<StartCommand>(start->body).resume_from, "/out/step-2");
  Deliver(0, stages_[0].Answer(*start));
  const auto step = WorkUntil<StepCommand>(0);
  ASSERT_TRUE(step.has_value());
  const StepPlan& plan = std::get<StepCommand>(step->body).plan;
  EXPECT_EQ(plan.step, Step(2));
  EXPECT_EQ(plan.epoch, host_.epoch);
  EXPECT_EQ(plan.microbatches[0].data_position, 4);
}

TEST_F(JobRunnerTest, ResultsOfAnOldEpochAreIgnored) {
  Start(MakePlan());
  const auto old_step = WorkUntil<StepCommand>(0, 1);
  ASSERT_TRUE(old_step.has_value());
  Kill(1);
  const size_t steps = host_.steps.size();
  Deliver(0, stages_[0].Answer(*old_step));
  Deliver(0, Failure(*old_step, absl::AbortedError("epoch over")));
  EXPECT_EQ(host_.restarts, 1);
  EXPECT_THAT(host_.steps, SizeIs(steps));
}

TEST_F(JobRunnerTest, RepeatedResultsAreIgnored) {
  Start(MakePlan());
  const auto scan = Take(0);
  Deliver(0, stages_[0].Answer(*scan));
  const size_t queued = host_.places[0].queue.size();
  Deliver(0, stages_[0].Answer(*scan));
  EXPECT_THAT(host_.places[0].queue, SizeIs(queued));
  Work();
  EXPECT_EQ(host_.state, JobState::kDone);
}

TEST_F(JobRunnerTest, FatalFailuresEndTheJobWithTheirMessage) {
  for (const absl::Status& status :
       {absl::InvalidArgumentError("bad"), absl::NotFoundError("bad"),
        absl::FailedPreconditionError("bad"), absl::DataLossError("bad"),
        absl::ResourceExhaustedError("bad"), absl::InternalError("bad")}) {
    host_ = FakeHost();
    Start(MakePlan());
    const auto step = WorkUntil<StepCommand>(1, 1);
    Deliver(1, Failure(*step, status));
    EXPECT_EQ(host_.state, JobState::kFailed);
    EXPECT_EQ(host_.error.code(), status.code());
    EXPECT_EQ(host_.error.message(), "stage 1, step 1: bad");
    EXPECT_EQ(host_.restarts, 0);
  }
}

TEST_F(JobRunnerTest, TheCauseIsReportedNotItsEchoAtThePeer) {
  Start(MakePlan());
  const auto step0 = WorkUntil<StepCommand>(0);
  const auto step1 = WorkUntil<StepCommand>(1);
  ASSERT_TRUE(step0.has_value() && step1.has_value());
  Deliver(0, Failure(*step0, absl::AbortedError("link aborted")));
  EXPECT_EQ(host_.state, JobState::kRunning);
  Deliver(1, Failure(*step1, absl::ResourceExhaustedError("out of memory")));
  EXPECT_EQ(host_.state, JobState::kFailed);
  EXPECT_THAT(host_.reason, HasSubstr("out of memory"));
}

TEST_F(JobRunnerTest, WithoutACauseAnAbortRestarts) {
  Start(MakePlan());
  const auto step0 = WorkUntil<StepCommand>(0);
  ASSERT_TRUE(step0.has_value());
  Deliver(0, Failure(*step0, absl::AbortedError("link aborted")));
  now_ += absl::Seconds(4);
  runner_->OnTick(now_);
  EXPECT_EQ(host_.restarts, 1);
  Work();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
}

TEST_F(JobRunnerTest, GivesUpWhenNothingIsGained) {
  Start(MakePlan());
  for (int i = 0; i < 6 && !runner_->finished(); ++i) {
    ASSERT_TRUE(WorkUntil<StartCommand>(0).has_value()) << i;
    Kill(0);
  }
  EXPECT_EQ(host_.state, JobState::kFailed);
  EXPECT_EQ(host_.restarts, 5);
  EXPECT_THAT(host_.reason, HasSubstr("gave up after 5 restarts"));
  EXPECT_THAT(host_.reason, HasSubstr("stage 0 was lost"));
}

TEST_F(JobRunnerTest, RestartsWithProgressAreNotCounted) {
  JobPlan plan = MakePlan();
  plan.config.train.steps = 20;
  plan.config.output.save_every = {1, 0};
  Start(plan);
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(WorkUntil<StepCommand>(0, 1).has_value()) << i;
    Kill(0);
  }
  Work();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
}

TEST_F(JobRunnerTest, AMissingStageFailsTheJobAfterTheTimeout) {
  JobPlan plan = MakePlan();
  plan.join_timeout = absl::Seconds(60);
  Start(plan, {}, {MakeStageInfo(0)});
  now_ += absl::Seconds(60);
  runner_->OnTick(now_);
  EXPECT_EQ(host_.state, JobState::kPreparing);
  now_ += absl::Seconds(1);
  runner_->OnTick(now_);
  EXPECT_EQ(host_.state, JobState::kFailed);
  EXPECT_THAT(host_.reason, HasSubstr("stage 1 did not join within 1m"));
}

TEST_F(JobRunnerTest, NonFiniteLossFails) {
  stages_[0].loss = std::numeric_limits<double>::quiet_NaN();
  Start(MakePlan());
  Work();
  EXPECT_EQ(host_.state, JobState::kFailed);
  EXPECT_EQ(host_.error.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(host_.reason, HasSubstr("non-finite"));
}

}  // namespace
}  // namespace halfpipe
