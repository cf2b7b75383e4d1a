// Steps whose loss or gradient is not finite.
#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "common/jobs/failure_notes.h"
#include "coordinator/job_runner_fixture.h"
#include "gmock/gmock.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class NonFiniteTest : public JobRunnerTest {
 protected:
  static JobPlan PlanWith(NonFinitePolicy policy) {
    JobPlan plan = MakePlan();
    plan.config.train.on_nonfinite = policy;
    plan.config.train.optimizer.learning_rate = 8.0;
    return plan;
  }

  // Works to the end; step `bad` fails on both stages in the first `times`
  // epochs that have it. Every step that was given, with its learning rate.
  std::vector<std::pair<int64_t, double>> WorkWith(int64_t bad, int times) {
    std::vector<std::pair<int64_t, double>> rates;
    std::set<std::pair<int64_t, int64_t>> seen;  // epoch and step
    std::set<int64_t> bad_epochs;
    for (bool worked = true; worked;) {
      worked = false;
      for (int32_t rank = 0; rank < 2; ++rank) {
        const std::optional<StageCommand> command = Take(rank);
        if (!command.has_value()) continue;
        worked = true;
        const auto* step = std::get_if<StepCommand>(&command->body);
        if (step == nullptr) {
          Deliver(rank, stages_[static_cast<size_t>(rank)].Answer(*command));
          continue;
        }
        const int64_t epoch = command->epoch.value();
        const int64_t number = step->plan.step.value();
        if (seen.emplace(epoch, number).second) {
          rates.emplace_back(number, step->plan.learning_rate);
        }
        if (number == bad && bad_epochs.size() < static_cast<size_t>(times)) {
          bad_epochs.insert(epoch);
        }
        if (number == bad && bad_epochs.contains(epoch)) {
          Deliver(rank, Failure(*command,
                                NonFiniteError("non-finite gradient norm")));
        } else {
          Deliver(rank, stages_[static_cast<size_t>(rank)].Answer(*command));
        }
      }
    }
    return rates;
  }
};

TEST_F(NonFiniteTest, StopEndsTheJob) {
  Start(PlanWith(NonFinitePolicy::kStop));
  (void)WorkWith(3, 1);
  EXPECT_EQ(host_.state, JobState::kFailed);
  EXPECT_THAT(host_.error.message(), HasSubstr("non-finite"));
  EXPECT_EQ(host_.nonfinite_steps, 1);
}

TEST_F(NonFiniteTest, ARollbackWhoseStageNeverRejoinsIsOneStep) {
  JobPlan plan = PlanWith(NonFinitePolicy::kRollback);
  plan.join_timeout = absl::Minutes(1);
  Start(plan);
  const auto held = HoldStep(3);
  for (int32_t rank = 0; rank < 2; ++rank) {
    Deliver(rank, Failure(held[static_cast<size_t>(rank)],
                          NonFiniteError("non-finite norm")));
  }
  runner_->OnLost(Rank(1), now_);
  now_ += absl::Minutes(2);
  runner_->OnTick(now_);
  EXPECT_EQ(host_.state, JobState::kFailed);
  EXPECT_THAT(host_.error.message(), HasSubstr("stage 1 did not join"));
  EXPECT_EQ(host_.nonfinite_steps, 1);
  EXPECT_EQ(DescribeFailure(host_.error).kind, FailureKind::kTimeout);
  EXPECT_EQ(DescribeFailure(host_.error).stage, 1);
}

TEST_F(NonFiniteTest, ASkippedStepIsToldAndCounted) {
  Start(PlanWith(NonFinitePolicy::kSkip));
  const auto step = WorkUntil<StepCommand>(0, 2);
  CommandResult skipped = stages_[0].Answer(*step);
  StepReport& report = std::get<StepResult>(skipped.body).report;
  report.losses = {0.5, std::numeric_limits<double>::quiet_NaN()};
  Deliver(0, skipped);
  Work();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  ASSERT_THAT(host_.warnings, SizeIs(1));
  EXPECT_THAT(host_.warnings[0], HasSubstr("at step 2"));
  ASSERT_THAT(host_.steps, SizeIs(6));
  EXPECT_TRUE(std::isnan(host_.steps[2].loss));
  EXPECT_NEAR(host_.steps[5].smoothed_loss, 0.5, 1e-9);
}

TEST_F(NonFiniteTest, ARunOfSkippedStepsEndsTheJob) {
  JobPlan plan = PlanWith(NonFinitePolicy::kSkip);
  plan.config.train.steps = 100;
  Start(plan);
  stages_[0].loss = std::numeric_limits<double>::infinity();
  Work();
  EXPECT_EQ(host_.state, JobState::kFailed);
  EXPECT_THAT(host_.error.message(), HasSubstr("the 20 steps before"));
  EXPECT_THAT(host_.steps, SizeIs(20));
}

TEST_F(NonFiniteTest, ARollbackHalvesTheRateFromTheLastCheckpointOn) {
  Start(PlanWith(NonFinitePolicy::kRollback));
  const auto rates = WorkWith(5, 2);
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_EQ(host_.restarts, 2);
  EXPECT_THAT(rates, ElementsAre(std::pair(0, 8.0), std::pair(1, 8.0),
                                 std::pair(2, 8.0), std::pair(3, 8.0),
                                 std::pair(4, 8.0), std::pair(5, 8.0),
                                 std::pair(4, 4.0), std::pair(5, 4.0),
                                 std::pair(4, 2.0), std::pair(5, 2.0)));
  EXPECT_EQ(ledger_.manifests.at("/out/step-4").learning_rate_factor, 1.0);
  EXPECT_EQ(ledger_.manifests.at("/out/step-6").learning_rate_factor, 0.25);
  EXPECT_EQ(host_.steps.back().learning_rate, 2.0);
  EXPECT_THAT(host_.warnings, SizeIs(2));
  EXPECT_EQ(host_.nonfinite_steps, 2);
}

TEST_F(NonFiniteTest, AResumedJobGoesOnWithTheRecordedFactor) {
  JobPlan plan = PlanWith(NonFinitePolicy::kRollback);
  plan.config.train.steps = 12;
  Start(plan);
  (void)WorkWith(3, 1);
  ASSERT_EQ(ledger_.manifests.at("/out/step-4").learning_rate_factor, 0.5);
  // Another coordinator, with the checkpoints up to step 4.
  host_ = FakeHost();
  Start(plan, {{2, "/out/step-2"}, {4, "/out/step-4"}});
  for (const auto& [step, rate] : WorkWith(-1, 0)) {
    EXPECT_EQ(rate, 4.0) << step;
  }
  EXPECT_EQ(ledger_.manifests.at("/out/step-12").learning_rate_factor, 0.5);
}

TEST_F(NonFiniteTest, ALostStageAfterARollbackDoesNotUndoIt) {
  Start(PlanWith(NonFinitePolicy::kRollback));
  const auto held = HoldStep(3);
  for (int32_t rank = 0; rank < 2; ++rank) {
    Deliver(rank, Failure(held[static_cast<size_t>(rank)],
                          NonFiniteError("non-finite norm")));
  }
  ASSERT_EQ(host_.restarts, 1);
  Kill(1);
  const auto rates = WorkWith(-1, 0);
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_THAT(rates, ElementsAre(std::pair(2, 4.0), std::pair(3, 4.0),
                                 std::pair(4, 4.0), std::pair(5, 4.0)));
}

TEST_F(NonFiniteTest, ARollbackEndsWhereAnUndisturbedRunHasACheckpoint) {
  JobPlan plan = PlanWith(NonFinitePolicy::kRollback);
  plan.config.output.keep = 1;
  plan.config_digest = "config";
  // A cancel has left the one of step 3; that of step 2 stays for rollbacks.
  CheckpointManifest manifest;
  manifest.config_digest = "config";
  manifest.data_digest = "data";
  ledger_.manifests["/out/step-2"] = manifest;
  ledger_.manifests["/out/step-3"] = manifest;
  Start(plan, {{2, "/out/step-2"}, {3, "/out/step-3"}});
  const auto rates = WorkWith(3, 1);
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  ASSERT_GE(rates.size(), 3u);
  EXPECT_EQ(rates.front(), std::pair(int64_t{3}, 8.0));
  const auto again =
      std::find(rates.begin(), rates.end(), std::pair(int64_t{2}, 4.0));
  EXPECT_NE(again, rates.end());
}

TEST_F(NonFiniteTest, RollbacksComeToAnEnd) {
  Start(PlanWith(NonFinitePolicy::kRollback));
  (void)WorkWith(3, 100);
  EXPECT_EQ(host_.state, JobState::kFailed);
  EXPECT_EQ(host_.restarts, 6);
  EXPECT_THAT(host_.error.message(), HasSubstr("non-finite"));
}

}  // namespace
}  // namespace halfpipe
