// Stages that live and do not get on.
#include "coordinator/job_runner_fixture.h"
#include "gmock/gmock.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class StuckStageTest : public JobRunnerTest {
 protected:
  // Heartbeats of all stages from within these commands, at the same places.
  void Beat(const std::vector<StageCommand>& commands, int64_t action,
            absl::Duration time) {
    for (absl::Duration at; at < time; at += absl::Seconds(2)) {
      now_ += absl::Seconds(2);
      for (int32_t rank = 0; rank < world_; ++rank) {
        beats_[static_cast<size_t>(rank)].epoch =
            commands[static_cast<size_t>(rank)].epoch;
        beats_[static_cast<size_t>(rank)].sequence =
            commands[static_cast<size_t>(rank)].sequence;
        beats_[static_cast<size_t>(rank)].action_index = action;
        runner_->OnHeartbeat(Rank(rank), beats_[static_cast<size_t>(rank)],
                             now_);
      }
    }
  }

  void TrainTo(int64_t step) {
    for (int64_t s = 0; s < step; ++s) {
      const auto held = HoldStep(s);
      Beat(held, 1, absl::Seconds(10));
      for (int32_t rank = 0; rank < world_; ++rank) {
        const auto index = static_cast<size_t>(rank);
        Deliver(rank, stages_[index].Answer(held[index]));
      }
    }
  }

  std::vector<StageHeartbeat> beats_ = std::vector<StageHeartbeat>(kMostStages);
};

TEST_F(StuckStageTest, AStepThatStandsStillIsGivenUpAndTold) {
  Start(MakePlan());
  TrainTo(4);
  const auto held = HoldStep(4);
  Beat(held, 1, absl::Seconds(58));
  EXPECT_EQ(host_.restarts, 0);
  EXPECT_FALSE(runner_->IsStuck(Rank(1), beats_[1]));
  Beat(held, 1, absl::Seconds(8));
  EXPECT_EQ(host_.restarts, 1);
  EXPECT_TRUE(runner_->IsStuck(Rank(0), beats_[0]));
  EXPECT_TRUE(runner_->IsStuck(Rank(1), beats_[1]));
  ASSERT_THAT(host_.warnings, SizeIs(1));
  EXPECT_THAT(host_.warnings[0], HasSubstr("stage 1 is stuck in step 4"));
  EXPECT_THAT(host_.warnings[0], HasSubstr("action 1 ("));
  EXPECT_THAT(host_.warnings[0], HasSubstr("usually 10 s"));
  EXPECT_THAT(host_.restart_reasons, ElementsAre(host_.warnings[0]));
  EXPECT_THAT(host_.restart_words, ElementsAre("stuck"));
  // One of them ends itself; its successor joins, and the job goes on.
  Kill(1);
  EXPECT_FALSE(runner_->IsStuck(Rank(1), {}));
  Work();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_THAT(host_.committed, ElementsAre(2, 4, 6));
}

TEST_F(StuckStageTest, AThirdAndAFourthStageAreWatchedToo) {
  for (int32_t stages : {3, 4}) {
    host_ = FakeHost();
    ledger_ = FakeLedger();
    JobPlan plan = MakePlan();
    plan.config.pipeline.stages = stages;
    std::vector<StageInfo> infos;
    for (int32_t rank = 0; rank < stages; ++rank) {
      infos.push_back(MakeStageInfo(rank));
    }
    Start(plan, {}, infos);
    TrainTo(4);
    const auto held = HoldStep(4);
    Beat(held, 1, absl::Seconds(66));
    EXPECT_EQ(host_.restarts, 1);
    for (int32_t rank = 0; rank < stages; ++rank) {
      EXPECT_TRUE(
          runner_->IsStuck(Rank(rank), beats_[static_cast<size_t>(rank)]));
    }
    ASSERT_THAT(host_.warnings, SizeIs(1));
    EXPECT_THAT(host_.warnings[0],
                HasSubstr(absl::StrCat("stage ", stages - 1, " is stuck")));
  }
}

TEST_F(StuckStageTest, AStageThatGetsOnIsNotGivenUp) {
  Start(MakePlan());
  TrainTo(4);
  const auto held = HoldStep(4);
  for (int64_t action = 0; action < 6; ++action) {
    Beat(held, action, absl::Seconds(50));
  }
  EXPECT_EQ(host_.restarts, 0);
}

TEST_F(StuckStageTest, AHungLoadIsGivenUp) {
  Start(MakePlan());
  const auto start = WorkUntil<StartCommand>(1);
  ASSERT_TRUE(start.has_value());
  StageHeartbeat beat;
  beat.epoch = start->epoch;
  beat.sequence = start->sequence;
  for (int tensors = 0; tensors < 100; ++tensors) {
    now_ += absl::Seconds(9);
    beat.progress = {.work = StageWork::kLoadingWeights, .done = tensors};
    runner_->OnHeartbeat(Rank(1), beat, now_);
  }
  EXPECT_EQ(host_.restarts, 0);
  for (int i = 0; i < 70; ++i) {
    now_ += absl::Seconds(9);
    runner_->OnHeartbeat(Rank(1), beat, now_);
  }
  EXPECT_EQ(host_.restarts, 1);
  EXPECT_TRUE(runner_->IsStuck(Rank(1), beat));
  EXPECT_FALSE(runner_->IsStuck(Rank(0), beat));
  EXPECT_THAT(host_.restart_reasons[0],
              HasSubstr("stuck in start (loading the model, 99 tensors)"));
}

TEST_F(StuckStageTest, ACommandThatWaitsForItsStageIsNotStuck) {
  Start(MakePlan());
  TrainTo(4);
  const auto held = HoldStep(4);
  beats_[0].sequence = beats_[1].sequence = held[0].sequence - 1;
  for (int i = 0; i < 1000; ++i) {
    now_ += absl::Seconds(9);
    for (int32_t rank = 0; rank < 2; ++rank) {
      beats_[static_cast<size_t>(rank)].epoch = held[0].epoch;
      runner_->OnHeartbeat(Rank(rank), beats_[static_cast<size_t>(rank)], now_);
    }
  }
  EXPECT_EQ(host_.restarts, 0);
}

}  // namespace
}  // namespace halfpipe
