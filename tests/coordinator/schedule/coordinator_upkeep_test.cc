#include <filesystem>
#include <memory>
#include <string>

#include "absl/time/clock.h"
#include "coordinator/coordinator_fixture.h"
#include "coordinator/store/sqlite.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::SizeIs;

class CoordinatorUpkeepTest : public CoordinatorTest {
 protected:
  void Submit(const std::string& id) {
    ASSERT_TRUE(coordinator_->CreateJob(Spec(id)).ok());
  }

  // Both stages join, holding a job.
  void JoinHolding(const std::string& job) {
    LoadedJob loaded;
    loaded.start.job = job;
    loaded.steps_done = 3;
    for (int32_t rank = 0; rank < 2; ++rank) {
      StageInfo info = InfoOf(rank, "default");
      info.loaded = std::make_shared<LoadedJob>(loaded);
      JoinAs(info);
    }
  }
};

TEST_F(CoordinatorUpkeepTest, AStepThatOnlyOneStageHeardOfIsAbandoned) {
  LoadedJob loaded;
  loaded.steps_done = 3;
  StageInfo info = InfoOf(0, "default");
  info.loaded = std::make_shared<LoadedJob>(loaded);
  JoinAs(info);
  StageHeartbeat beat;
  beat.epoch = Epoch(9);
  beat.step = Step(2);  // the peer has done it: it will end
  beat.action_index = 0;
  const StagePlace place{"default", Rank(1)};
  EXPECT_EQ(coordinator_->Heartbeat(place, 7, beat).status().code(),
            absl::StatusCode::kFailedPrecondition);
  beat.step = Step(3);
  const auto reply = coordinator_->Heartbeat(place, 7, beat);
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_TRUE(reply->abandon);
  EXPECT_EQ(reply->epoch, Epoch(9));
}

TEST_F(CoordinatorUpkeepTest, ThePulseSaysWhatGoesOnWhileTheStoreAnswers) {
  Submit("a");
  Submit("b");
  JoinPair("default");
  coordinator_->Tick();
  const absl::StatusOr<std::string> pulse = coordinator_->Pulse();
  ASSERT_TRUE(pulse.ok()) << pulse.status();
  EXPECT_EQ(*pulse, "1 running, 1 queued, 2 stages");
  // Somebody has taken away what is asked for.
  auto database = SqliteDatabase::Open(directory_ + "/state/halfpipe.db");
  ASSERT_TRUE(database.ok()) << database.status();
  ASSERT_TRUE(
      database->Execute("PRAGMA foreign_keys = OFF; DROP TABLE jobs").ok());
  EXPECT_FALSE(coordinator_->Pulse().ok());
}

TEST_F(CoordinatorUpkeepTest, CheckpointsOfARunningJobAreReadEveryHour) {
  Submit("a");
  JoinPair("default");
  coordinator_->Tick();
  while (coordinator_->GetJob("a")->checkpoints.empty()) {
    const bool worked = WorkOnce(0);
    ASSERT_TRUE(WorkOnce(1) || worked);
  }
  const std::string folder =
      coordinator_->GetJob("a")->checkpoints[0].directory;
  ASSERT_TRUE(
      WriteFileAtomically(folder + "/rank1.safetensors", "rotten").ok());
  now_ += absl::Minutes(59);
  coordinator_->Tick();
  absl::SleepFor(absl::Milliseconds(50));
  coordinator_->Tick();
  EXPECT_THAT(coordinator_->GetJob("a")->checkpoints, SizeIs(1));
  now_ += absl::Minutes(1);
  const absl::Time deadline = absl::Now() + absl::Seconds(10);
  while (!coordinator_->GetJob("a")->checkpoints.empty() &&
         absl::Now() < deadline) {
    coordinator_->Tick();
    absl::SleepFor(absl::Milliseconds(5));
  }
  EXPECT_TRUE(coordinator_->GetJob("a")->checkpoints.empty());
  EXPECT_FALSE(std::filesystem::exists(folder));
}

TEST_F(CoordinatorUpkeepTest, APairGoesOnWithTheQueuedJobThatItHolds) {
  Submit("a");
  Submit("b");
  JoinHolding("b");
  EXPECT_EQ(StateOf("b"), JobState::kPreparing);
  EXPECT_EQ(StateOf("a"), JobState::kQueued);
}

TEST_F(CoordinatorUpkeepTest, ButNotForOneThatIsNotQueued) {
  Submit("a");
  JoinHolding("gone");
  EXPECT_EQ(StateOf("a"), JobState::kPreparing);
}

TEST_F(CoordinatorUpkeepTest, LaterTheQueuesOrderCounts) {
  Submit("a");
  Submit("b");
  now_ += absl::Minutes(2);
  JoinHolding("b");
  EXPECT_EQ(StateOf("a"), JobState::kPreparing);
}

}  // namespace
}  // namespace halfpipe
