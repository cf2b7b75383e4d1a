// Validations between steps: held-out samples, the best checkpoint, the early
// end, and what disturbs them.
#include <map>
#include <set>

#include "coordinator/job_runner_fixture.h"
#include "gmock/gmock.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ValidateTest : public JobRunnerTest {
 protected:
  ValidateTest() {
    for (FakeStage& stage : stages_) stage.samples = 5;
  }

  static JobPlan PlanOf(const ValidationConfig& validation,
                        int64_t save_every = 100) {
    JobPlan plan = MakePlan();
    plan.config.train.steps = 8;
    plan.config.output.save_every = {save_every, 0};
    plan.config.validation = validation;
    return plan;
  }

  static const StepPlan* EvaluationIn(const StageCommand& command) {
    const auto* step = std::get_if<StepCommand>(&command.body);
    return step != nullptr && step->plan.evaluation ? &step->plan : nullptr;
  }

  // Answers like a stage whose evaluations have the loss of losses_.
  CommandResult AnswerOf(int32_t rank, const StageCommand& command) {
    CommandResult result = stages_[static_cast<size_t>(rank)].Answer(command);
    const StepPlan* plan = EvaluationIn(command);
    if (plan == nullptr) {
      if (const auto* step = std::get_if<StepCommand>(&command.body)) {
        steps_[step->plan.step.value()].insert(command.epoch.value());
        for (const MicrobatchPlan& m : step->plan.microbatches) {
          EXPECT_FALSE(m.fixed.has_value());
          trained_.insert(m.latents_path);
        }
      }
      return result;
    }
    for (const MicrobatchPlan& m : plan->microbatches) {
      EXPECT_TRUE(m.fixed.has_value());
      evaluated_.insert(m.latents_path);
    }
    if (rank == 0) {
      auto& report = std::get<StepResult>(result.body).report;
      report.losses.assign(plan->microbatches.size(),
                           losses_.at(plan->step.value()));
    }
    return result;
  }

  // Works until nothing is to do, or `stop` says so of a command of rank 0,
  // which is then returned.
  template <typename Stop>
  std::optional<StageCommand> Work(Stop stop) {
    for (bool worked = true; worked;) {
      worked = false;
      for (int32_t rank = 0; rank < 2; ++rank) {
        const std::optional<StageCommand> command = Take(rank);
        if (!command.has_value()) continue;
        worked = true;
        if (rank == 0 && stop(*command)) return command;
        Deliver(rank, AnswerOf(rank, *command));
      }
    }
    return std::nullopt;
  }

  void WorkToTheEnd() {
    (void)Work([](const StageCommand&) { return false; });
  }

  std::optional<StageCommand> WorkToEvaluation(int64_t steps_done) {
    return Work([&](const StageCommand& command) {
      const StepPlan* plan = EvaluationIn(command);
      return plan != nullptr && plan->step == Step(steps_done);
    });
  }

  std::vector<int64_t> Validated() const {
    std::vector<int64_t> steps;
    for (const ValidationResult& result : host_.validations) {
      steps.push_back(result.steps_done);
    }
    return steps;
  }

  std::vector<Checkpoint> Committed() const {
    std::vector<Checkpoint> checkpoints;
    for (const auto& [directory, manifest] : ledger_.manifests) {
      checkpoints.push_back({manifest.step, directory});
    }
    return checkpoints;
  }

  std::map<int64_t, double> losses_ = {
      {2, 1.0}, {4, 0.5}, {6, 0.75}, {8, 0.875}};
  std::set<std::string> trained_;
  std::set<std::string> evaluated_;
  std::map<int64_t, std::set<int64_t>> steps_;  // epochs by step
};

TEST_F(ValidateTest, WithoutTheSectionNothingChanges) {
  Start(PlanOf({}));
  const auto start = WorkUntil<StartCommand>(0);
  ASSERT_TRUE(start.has_value());
  EXPECT_THAT(std::get<StartCommand>(start->body).evaluation_schedule,
              IsEmpty());
  Deliver(0, AnswerOf(0, *start));
  WorkToTheEnd();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_THAT(trained_, SizeIs(5));
  EXPECT_THAT(host_.validations, IsEmpty());
  EXPECT_EQ(ledger_.manifests.at("/out/step-8").data_digest, "data");
  EXPECT_EQ(ledger_.manifests.at("/out/step-8").validation.steps, 0);
}

TEST_F(ValidateTest, HeldOutSamplesAreEvaluatedAndNeverTrainedOn) {
  Start(PlanOf({.samples = 2, .every = 2, .bands = 3}));
  const auto start = WorkUntil<StartCommand>(0);
  ASSERT_TRUE(start.has_value());
  EXPECT_THAT(std::get<StartCommand>(start->body).evaluation_schedule,
              SizeIs(2));
  Deliver(0, AnswerOf(0, *start));
  WorkToTheEnd();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_THAT(trained_, SizeIs(3));
  EXPECT_THAT(evaluated_, SizeIs(2));
  for (const std::string& path : evaluated_) {
    EXPECT_FALSE(trained_.contains(path)) << path;
  }
  EXPECT_THAT(Validated(), ElementsAre(2, 4, 6, 8));
  EXPECT_THAT(host_.validations[2].bands, SizeIs(3));
  EXPECT_DOUBLE_EQ(host_.validations[2].loss, 0.75);
  EXPECT_EQ(host_.validations[2].best_steps, 4);
  EXPECT_DOUBLE_EQ(host_.validations[2].best_loss, 0.5);
  EXPECT_THAT(host_.steps, SizeIs(8));
  EXPECT_NE(ledger_.manifests.at("/out/step-8").data_digest, "data");
  EXPECT_THAT(host_.reason, HasSubstr("the best validation is step 4's"));
}

TEST_F(ValidateTest, TooFewSamplesEndTheJobWithTheKey) {
  Start(PlanOf({.samples = 5}));
  WorkToTheEnd();
  EXPECT_EQ(host_.state, JobState::kFailed);
  EXPECT_THAT(std::string(host_.error.message()),
              HasSubstr("validation.samples"));
}

// Saves are due at steps 3 and 6; the best ones are saved besides.
TEST_F(ValidateTest, TheBestCheckpointOutlivesTheNewerOnes) {
  JobPlan plan = PlanOf({.samples = 1, .every = 2}, 3);
  plan.config.output.keep = 1;
  Start(plan);
  WorkToTheEnd();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_THAT(host_.committed, ElementsAre(2, 3, 4, 6, 8));
  // 2 was the best one until 4 was.
  EXPECT_THAT(host_.forgotten, ElementsAre(2, 3, 6));
  EXPECT_TRUE(ledger_.manifests.contains("/out/step-4"));
  EXPECT_TRUE(ledger_.manifests.contains("/out/step-8"));
  EXPECT_EQ(
      ledger_.manifests.at("/out/step-8").validation,
      (ValidationRecord{
          .steps = 8, .best_steps = 4, .best_loss = 0.5, .without_better = 2}));
}

TEST_F(ValidateTest, ANewCoordinatorKnowsTheBestOne) {
  JobPlan plan = PlanOf({.samples = 1, .every = 2}, 3);
  plan.config.output.keep = 1;
  Start(plan);
  (void)WorkToEvaluation(8);
  host_ = FakeHost();
  ASSERT_THAT(Committed(), SizeIs(2));  // 4, the best one, and 6
  Start(plan, Committed());
  WorkToTheEnd();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_THAT(Validated(), ElementsAre(8));
  EXPECT_EQ(host_.validations[0].best_steps, 4);
  EXPECT_THAT(host_.forgotten, ElementsAre(6));
}

TEST_F(ValidateTest, PatienceEndsTheJobAsDone) {
  Start(PlanOf({.samples = 1, .every = 2, .patience = 1}));
  WorkToTheEnd();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_THAT(Validated(), ElementsAre(2, 4, 6));
  EXPECT_THAT(host_.steps, SizeIs(6));
  EXPECT_THAT(host_.committed, ElementsAre(2, 4, 6));
  EXPECT_THAT(host_.reason, HasSubstr("stopped early"));
  EXPECT_THAT(host_.exports, ElementsAre("/out/step-6"));
  // A coordinator that died behind the commit only publishes it.
  const std::vector<Checkpoint> committed = Committed();
  host_ = FakeHost();
  Start(PlanOf({.samples = 1, .every = 2, .patience = 1}), committed);
  WorkToTheEnd();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_THAT(host_.steps, IsEmpty());
  EXPECT_THAT(host_.exports, ElementsAre("/out/step-6"));
}

TEST_F(ValidateTest, AStageThatDiesInAValidationRepeatsIt) {
  Start(PlanOf({.samples = 1, .every = 2}));
  ASSERT_TRUE(WorkToEvaluation(6).has_value());
  Kill(0);
  WorkToTheEnd();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_EQ(host_.restarts, 1);
  // Back to the checkpoint of step 4, which holds its own validation.
  EXPECT_THAT(Validated(), ElementsAre(2, 4, 6, 8));
  EXPECT_THAT(steps_[3], SizeIs(1));
  EXPECT_THAT(steps_[4], SizeIs(2));
}

TEST_F(ValidateTest, APauseAbandonsAValidationAndTheNextRunMakesIt) {
  const JobPlan plan = PlanOf({.samples = 1, .every = 2});
  Start(plan);
  const auto held = WorkToEvaluation(6);
  ASSERT_TRUE(held.has_value());
  runner_->Stop(StopKind::kPause, now_);
  EXPECT_TRUE(runner_->WantsAbandon(Rank(0)));
  Deliver(0, Failure(*held, absl::CancelledError("abandoned")));
  WorkToTheEnd();
  EXPECT_EQ(host_.state, JobState::kPaused) << host_.error;
  EXPECT_THAT(host_.committed, ElementsAre(2, 4, 6));
  EXPECT_EQ(ledger_.manifests.at("/out/step-6").validation.steps, 4);
  const std::vector<Checkpoint> committed = Committed();
  host_ = FakeHost();
  Start(plan, committed);
  WorkToTheEnd();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_THAT(Validated(), ElementsAre(6, 8));
}

// It was saved by a pause before it could be validated, and is the last one.
TEST_F(ValidateTest, TheLastPatienceMayEndAtASavedStep) {
  const JobPlan plan = PlanOf({.samples = 1, .every = 2, .patience = 1});
  Start(plan);
  const auto held = WorkToEvaluation(6);
  ASSERT_TRUE(held.has_value());
  runner_->Stop(StopKind::kPause, now_);
  Deliver(0, Failure(*held, absl::CancelledError("abandoned")));
  WorkToTheEnd();
  ASSERT_EQ(host_.state, JobState::kPaused) << host_.error;
  const std::vector<Checkpoint> committed = Committed();
  host_ = FakeHost();
  Start(plan, committed);
  WorkToTheEnd();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_THAT(host_.steps, IsEmpty());
  EXPECT_THAT(host_.exports, ElementsAre("/out/step-6"));
}

TEST_F(ValidateTest, ASaveThatIsAskedForWaitsForTheValidation) {
  Start(PlanOf({.samples = 1, .every = 2}));
  const auto held = WorkToEvaluation(6);
  ASSERT_TRUE(held.has_value());
  EXPECT_TRUE(runner_->RequestSave(now_));
  EXPECT_FALSE(Take(0).has_value());
  Deliver(0, AnswerOf(0, *held));
  WorkToTheEnd();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_THAT(host_.committed, ElementsAre(2, 4, 6, 8));
}

}  // namespace
}  // namespace halfpipe
