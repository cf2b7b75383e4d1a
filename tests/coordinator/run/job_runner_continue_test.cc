// Jobs that go on from what the stages hold.
#include <map>

#include "common/base/exponential_mean.h"
#include "coordinator/job_runner_fixture.h"
#include "gmock/gmock.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::SizeIs;

class ContinueTest : public JobRunnerTest {
 protected:
  static JobPlan LongPlan() {
    JobPlan plan = MakePlan();
    plan.config.output.save_every = {100, 0};
    return plan;
  }

  // What both stages hold after their steps up to `steps`, as they say when
  // they register with another coordinator.
  std::vector<StageInfo> Holding(int64_t steps, int64_t ahead = 0) {
    host_ = FakeHost();
    Start(LongPlan());
    const auto start = WorkUntil<StartCommand>(0);
    EXPECT_TRUE(start.has_value());
    std::vector<StageInfo> stages = {MakeStageInfo(0), MakeStageInfo(1)};
    for (StageInfo& stage : stages) {
      stage.loaded = std::make_shared<LoadedJob>(
          LoadedJob{std::get<StartCommand>(start->body),
                    steps + (stage.rank == Rank(1) ? ahead : 0)});
    }
    host_ = FakeHost();
    return stages;
  }

  static double LossOf(int64_t step) {
    return 2.0 - 0.3 * static_cast<double>(step);
  }

  // Lets both stages work to the end, or until stage 0 has been given the step
  // `before`, with losses that differ. The averages by steps done, as they are
  // shown.
  std::map<int64_t, double> FollowLosses(int64_t before = 1000) {
    while (const auto step = WorkUntil<StepCommand>(0)) {
      const int64_t number =
          std::get<StepCommand>(step->body).plan.step.value();
      if (number == before) break;
      stages_[0].loss = LossOf(number);
      Deliver(0, stages_[0].Answer(*step));
    }
    std::map<int64_t, double> averages;
    for (const StepProgress& step : host_.steps) {
      averages[step.steps_done] = step.smoothed_loss;
    }
    return averages;
  }

  static StageInfo Without(StageInfo info) {
    info.loaded.reset();
    return info;
  }
};

TEST_F(ContinueTest, ARestartedCoordinatorGoesOnFromTheStepThatIsHeld) {
  const std::vector<StageInfo> stages = Holding(4);
  Start(LongPlan(), {}, stages);
  const auto start = WorkUntil<StartCommand>(0);
  ASSERT_TRUE(start.has_value());
  const auto& body = std::get<StartCommand>(start->body);
  EXPECT_EQ(body.continue_at, 4);
  EXPECT_EQ(body.resume_from, "");
  EXPECT_FALSE(body.rendezvous.empty());
  EXPECT_TRUE(IsSameStart(body, stages[0].loaded->start));
  Deliver(0, stages_[0].Answer(*start));
  const auto step = WorkUntil<StepCommand>(0);
  ASSERT_TRUE(step.has_value());
  EXPECT_EQ(std::get<StepCommand>(step->body).plan.step, Step(4));
  EXPECT_EQ(std::get<StepCommand>(step->body).plan.schedule_hash,
            body.schedule_hash);
  EXPECT_THAT(host_.reason, HasSubstr("from step 4"));
  Deliver(0, stages_[0].Answer(*step));
  Work();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_THAT(host_.steps, SizeIs(2));
  EXPECT_THAT(host_.committed, ElementsAre(6));
}

TEST_F(ContinueTest, TheAverageIsWhatItWasOverAResume) {
  Start(MakePlan());
  const std::map<int64_t, double> whole = FollowLosses();
  ASSERT_THAT(whole, SizeIs(6));
  // The next coordinator knows nothing but the folder.
  ledger_.manifests.erase("/out/step-6");
  host_ = FakeHost();
  Start(MakePlan());
  const std::map<int64_t, double> resumed = FollowLosses();
  EXPECT_THAT(resumed, ElementsAre(Pair(5, whole.at(5)), Pair(6, whole.at(6))));
}

TEST_F(ContinueTest, TheAverageGoesBackWithTheWeights) {
  JobPlan plan = MakePlan();
  plan.config.output.save_every = {3, 0};
  Start(plan);
  const std::map<int64_t, double> whole = FollowLosses();
  ledger_.manifests.clear();
  host_ = FakeHost();
  Start(plan);
  // Two steps behind the checkpoint, and one that is with stage 0.
  FollowLosses(/*before=*/5);
  Work();
  EXPECT_THAT(host_.steps, SizeIs(5));
  Kill(1);
  const std::map<int64_t, double> redone = FollowLosses();
  EXPECT_EQ(host_.restarts, 1);
  EXPECT_THAT(redone, SizeIs(6));
  EXPECT_EQ(redone, whole);
}

TEST_F(ContinueTest, ARestartedCoordinatorHasTheAverageOfItsRecord) {
  const std::vector<StageInfo> stages = Holding(4);
  JobPlan plan = LongPlan();
  plan.last_step = StepProgress();
  plan.last_step->steps_done = 4;
  plan.last_step->smoothed_loss = 1.25;
  Start(plan, {}, stages);
  ExponentialMean mean(0.98, {1.25, 4});
  mean.Add(LossOf(4));
  EXPECT_EQ(FollowLosses().at(5), mean.state().value);
}

TEST_F(ContinueTest, ASaveThatWasDueIsMadeUpFor) {
  const std::vector<StageInfo> stages = Holding(6);
  Start(LongPlan(), {}, stages);
  Work();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_THAT(host_.steps, SizeIs(0));
  EXPECT_THAT(host_.committed, ElementsAre(6));
}

TEST_F(ContinueTest, OnlyWhatBothHoldIsGoneOnFrom) {
  // One has begun anew; one is a step ahead; the checkpoint is newer; they
  // hold another job, or were loaded by another plan.
  std::vector<StageInfo> stages = Holding(4);
  stages[1] = Without(stages[1]);
  const auto starts_anew = [&](const std::vector<StageInfo>& with,
                               std::vector<Checkpoint> checkpoints = {}) {
    host_ = FakeHost();
    Start(LongPlan(), std::move(checkpoints), with);
    const auto start = WorkUntil<StartCommand>(0);
    return start.has_value() &&
           std::get<StartCommand>(start->body).continue_at == 0;
  };
  EXPECT_TRUE(starts_anew(stages));
  EXPECT_TRUE(starts_anew(Holding(4, 1)));
  stages = Holding(4);
  ledger_.manifests["/out/step-5"].config_digest = "config";
  ledger_.manifests["/out/step-5"].data_digest = "data";
  EXPECT_TRUE(starts_anew(stages, {{5, "/out/step-5"}}));
  ledger_.manifests.clear();
  EXPECT_FALSE(starts_anew(stages));
  for (int part = 0; part < 2; ++part) {
    LoadedJob other = *stages[1].loaded;
    if (part == 0) other.start.job = "another";
    if (part == 1) other.start.memory_plan[0] = "3*rrrrrrrr";
    stages[1].loaded = std::make_shared<LoadedJob>(other);
    EXPECT_TRUE(starts_anew(stages)) << part;
  }
}

TEST_F(ContinueTest, AStageThatHoldsItNoMoreSendsTheJobToItsCheckpoint) {
  const std::vector<StageInfo> stages = Holding(4);
  CheckpointManifest manifest;
  manifest.config_digest = "config";
  manifest.data_digest = "data";
  ledger_.manifests["/out/step-2"] = manifest;
  Start(LongPlan(), {{2, "/out/step-2"}}, stages);
  const auto start = WorkUntil<StartCommand>(1);
  ASSERT_TRUE(start.has_value());
  Deliver(1, Failure(*start, absl::AbortedError("this stage does not hold")));
  now_ += absl::Seconds(4);
  runner_->OnTick(now_);
  const auto again = WorkUntil<StartCommand>(1);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(std::get<StartCommand>(again->body).continue_at, 0);
  EXPECT_EQ(std::get<StartCommand>(again->body).resume_from, "/out/step-2");
  Deliver(1, stages_[1].Answer(*again));
  Work();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
}

TEST_F(ContinueTest, AFailedLinkLosesNoStep) {
  Start(LongPlan());
  const auto held = HoldStep(3);
  Deliver(0, Failure(held[0], absl::AbortedError("link aborted")));
  Deliver(1, Failure(held[1], absl::AbortedError("link aborted")));
  EXPECT_EQ(host_.restarts, 1);
  const auto start = WorkUntil<StartCommand>(0);
  ASSERT_TRUE(start.has_value());
  EXPECT_EQ(std::get<StartCommand>(start->body).continue_at, 3);
  Deliver(0, stages_[0].Answer(*start));
  Work();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_THAT(host_.steps, SizeIs(6));
}

TEST_F(ContinueTest, AContinuationThatFailsIsFollowedByTheCheckpointAtOnce) {
  Start(LongPlan());
  const auto held = HoldStep(3);
  for (int32_t rank = 0; rank < 2; ++rank) {
    Deliver(rank, Failure(held[static_cast<size_t>(rank)],
                          absl::AbortedError("link aborted")));
  }
  const auto start1 = WorkUntil<StartCommand>(1);
  ASSERT_TRUE(start1.has_value());
  ASSERT_EQ(std::get<StartCommand>(start1->body).continue_at, 3);
  Deliver(1, Failure(*start1, absl::AbortedError("does not hold")));
  // Rank 0 has answered its own; no pause, as this was no try of its own.
  if (const auto start0 = Take(0); start0.has_value()) {
    Deliver(0, Failure(*start0, absl::AbortedError("does not hold")));
  }
  const auto again = WorkUntil<StartCommand>(0);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(std::get<StartCommand>(again->body).continue_at, 0);
}

TEST_F(ContinueTest, AfterALostStageItDoesNotTry) {
  Start(LongPlan());
  (void)HoldStep(3);
  Kill(1);
  const auto start = WorkUntil<StartCommand>(0);
  ASSERT_TRUE(start.has_value());
  EXPECT_EQ(std::get<StartCommand>(start->body).continue_at, 0);
}

TEST_F(ContinueTest, TheLoweredRateOfARollbackIsHeldToo) {
  std::vector<StageInfo> stages = Holding(4);
  for (StageInfo& stage : stages) {
    LoadedJob lowered = *stage.loaded;
    lowered.start.learning_rate_factor = 0.5;
    stage.loaded = std::make_shared<LoadedJob>(lowered);
  }
  Start(LongPlan(), {}, stages);
  const auto step = WorkUntil<StepCommand>(0);
  ASSERT_TRUE(step.has_value());
  EXPECT_EQ(std::get<StepCommand>(step->body).plan.learning_rate, 0.5e-4);
}

}  // namespace
}  // namespace halfpipe
