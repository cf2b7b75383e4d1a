#include <filesystem>
#include <memory>
#include <string>

#include "absl/time/clock.h"
#include "coordinator/coordinator.h"
#include "coordinator/fake_stage.h"
#include "coordinator/job_config_text.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::SizeIs;

class CoordinatorUpkeepTest : public ::testing::Test {
 protected:
  CoordinatorUpkeepTest() : metrics_(&registry_) {
    std::filesystem::remove_all(directory_);
    Coordinator::Options options;
    options.clock = [this] { return now_; };
    options.info.started = now_;
    auto store = JobStore::Open(directory_ + "/state");
    EXPECT_TRUE(store.ok()) << store.status();
    auto coordinator = Coordinator::Create(options, *std::move(store),
                                           ledger_.get(), &metrics_);
    EXPECT_TRUE(coordinator.ok()) << coordinator.status();
    coordinator_ = *std::move(coordinator);
  }

  void Submit(const std::string& id) {
    JobSpec spec;
    spec.id = id;
    spec.config_yaml = JobConfigText(directory_ + "/" + id);
    ASSERT_TRUE(coordinator_->CreateJob(spec).ok());
  }

  // Both stages join, holding a job or (empty) none.
  void Join(const std::string& held) {
    for (int32_t rank = 0; rank < 2; ++rank) {
      StageInfo info = MakeStageInfo(rank);
      if (!held.empty()) {
        LoadedJob loaded;
        loaded.start.job = held;
        loaded.steps_done = 3;
        info.loaded = std::make_shared<LoadedJob>(loaded);
      }
      ASSERT_TRUE(coordinator_->Register(info).ok());
    }
  }

  // Lets the stages work until the job has a checkpoint.
  void WorkUntilACheckpoint(const std::string& id) {
    std::array<int64_t, 2> sequences = {0, 0};
    for (int i = 0; i < 100; ++i) {
      const int32_t rank = i % 2;
      const StageInfo info = MakeStageInfo(rank);
      int64_t& sequence = sequences[static_cast<size_t>(rank)];
      const auto command = coordinator_->WaitForCommand(
          {info.pair, info.rank}, info.incarnation, sequence,
          absl::InfinitePast(), [] { return false; });
      ASSERT_TRUE(command.ok()) << command.status();
      if (!command->has_value()) continue;
      sequence = (*command)->sequence;
      const FakeStage stage{.rank = rank, .write_files = true};
      ASSERT_TRUE(coordinator_
                      ->Report({info.pair, info.rank}, info.incarnation,
                               stage.Answer(**command))
                      .ok());
      if (!coordinator_->GetJob(id)->checkpoints.empty()) return;
    }
    FAIL() << "no checkpoint";
  }

  const std::string directory_ =
      ::testing::TempDir() + "/coordinator_upkeep_test";
  absl::Time now_ = absl::UnixEpoch() + absl::Hours(1);
  MetricsRegistry registry_;
  CoordinatorMetrics metrics_;
  const std::unique_ptr<CheckpointLedger> ledger_ = NewFileCheckpointLedger();
  std::unique_ptr<Coordinator> coordinator_;
};

TEST_F(CoordinatorUpkeepTest, CheckpointsOfARunningJobAreReadEveryHour) {
  Submit("a");
  Join("");
  coordinator_->Tick();
  WorkUntilACheckpoint("a");
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
  Join("b");
  EXPECT_EQ(coordinator_->GetJob("b")->state, JobState::kPreparing);
  EXPECT_EQ(coordinator_->GetJob("a")->state, JobState::kQueued);
}

TEST_F(CoordinatorUpkeepTest, ButNotForOneThatIsNotQueued) {
  Submit("a");
  Join("gone");
  EXPECT_EQ(coordinator_->GetJob("a")->state, JobState::kPreparing);
}

TEST_F(CoordinatorUpkeepTest, LaterTheQueuesOrderCounts) {
  Submit("a");
  Submit("b");
  now_ += absl::Minutes(2);
  Join("b");
  EXPECT_EQ(coordinator_->GetJob("a")->state, JobState::kPreparing);
}

}  // namespace
}  // namespace halfpipe
