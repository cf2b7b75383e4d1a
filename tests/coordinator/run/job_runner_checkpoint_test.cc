// Checkpoints that are damaged.
#include <filesystem>

#include "common/base/file.h"
#include "coordinator/job_runner_fixture.h"
#include "coordinator/store/checkpoint_folders.h"
#include "gmock/gmock.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// On a real disk: every checkpoint but the damaged one is what it was.
class DamagedCheckpointTest : public JobRunnerTest {
 protected:
  void StartOnDisk(std::vector<Checkpoint> checkpoints) {
    host_ = FakeHost();
    JobPlan plan = MakePlan();
    plan.config.output.dir = directory_;
    runner_ = std::make_unique<JobRunner>(
        std::move(plan), std::move(checkpoints), disk_.get(), &host_);
    runner_->Begin({MakeStageInfo(0), MakeStageInfo(1)}, now_);
  }

  void SetUp() override {
    std::filesystem::remove_all(directory_);
    for (FakeStage& stage : stages_) stage.write_files = true;
    StartOnDisk({});
    Work();
    ASSERT_EQ(host_.state, JobState::kDone) << host_.error;
    std::filesystem::remove_all(At(6).directory);  // as if it had stopped at 4
  }

  Checkpoint At(int64_t step) const {
    return {step, absl::StrCat(directory_, "/", CheckpointName(step))};
  }

  // The job again, which had got as far as step 4.
  std::string ResumedFrom() {
    StartOnDisk({At(2), At(4)});
    const auto start = WorkUntil<StartCommand>(0);
    return start.has_value() ? std::get<StartCommand>(start->body).resume_from
                             : "";
  }

  const std::string directory_ =
      ::testing::TempDir() + "/damaged_checkpoint_test";
  const std::unique_ptr<CheckpointLedger> disk_ = NewFileCheckpointLedger();
};

TEST_F(DamagedCheckpointTest, AFlippedByteATruncatedAndAMissingFile) {
  namespace fs = std::filesystem;
  const std::string shard = At(4).directory + "/rank1.safetensors";
  const std::string whole = *ReadFile(shard);
  std::string flipped = whole;
  flipped[3] ^= 1;
  EXPECT_EQ(ResumedFrom(), At(4).directory);
  ASSERT_TRUE(WriteFileAtomically(shard, flipped).ok());
  EXPECT_EQ(ResumedFrom(), At(2).directory);
  ASSERT_THAT(host_.warnings, SizeIs(2));
  EXPECT_THAT(host_.warnings[0], HasSubstr("rank1.safetensors is damaged"));
  EXPECT_THAT(host_.warnings[1], HasSubstr("kept as"));
  EXPECT_THAT(host_.forgotten, ElementsAre(4));
  EXPECT_TRUE(fs::exists(directory_ + "/damaged-step-00000004"));

  const fs::path aside = directory_ + "/damaged-step-00000004";
  fs::rename(aside, At(4).directory);
  ASSERT_TRUE(WriteFileAtomically(shard, whole.substr(1)).ok());
  EXPECT_EQ(ResumedFrom(), At(2).directory);

  fs::rename(aside, At(4).directory);
  fs::remove(shard);
  EXPECT_EQ(ResumedFrom(), At(2).directory);

  fs::remove_all(aside);  // the folder is gone altogether
  EXPECT_EQ(ResumedFrom(), At(2).directory);
  EXPECT_THAT(host_.warnings.back(), HasSubstr("its folder is gone"));
}

TEST_F(DamagedCheckpointTest, TheJobGoesOnAndWritesItAgain) {
  std::filesystem::remove(At(4).directory + "/rank0.safetensors");
  StartOnDisk({At(2), At(4)});
  Work();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_THAT(host_.committed, ElementsAre(4, 6));
  EXPECT_TRUE(disk_->Verify(At(4).directory).ok());
}

TEST_F(JobRunnerTest, ASaveWhoseFolderWasTakenAwayIsMadeAgain) {
  Start(MakePlan());
  const auto save = WorkUntil<SaveCommand>(1);
  ASSERT_TRUE(save.has_value());
  runner_->OnLost(Rank(0), now_);
  host_.places[0] = {};
  ASSERT_EQ(host_.restarts, 1);
  Deliver(1, Failure(*save, absl::NotFoundError("cannot rename")));
  EXPECT_EQ(host_.state, JobState::kPreparing) << host_.error;
  runner_->OnJoined(MakeStageInfo(0), now_);
  Work();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
}

TEST_F(JobRunnerTest, ACheckpointThatRotsWhileTheJobRunsIsWrittenAgain) {
  JobPlan plan = MakePlan();
  plan.config.output.save_every = {0, 3600};
  plan.config.train.steps = 12;
  Start(plan, {});
  const auto held = HoldStep(2);
  EXPECT_THAT(runner_->CheckpointDirectories(), IsEmpty());
  runner_->OnScrubbed("/out/step-1", absl::DataLossError("rotten"));
  EXPECT_THAT(host_.warnings, IsEmpty());  // none of this job
  now_ += absl::Hours(2);
  for (int32_t rank = 0; rank < 2; ++rank) {
    Deliver(rank, stages_[static_cast<size_t>(rank)].Answer(
                      held[static_cast<size_t>(rank)]));
  }
  const auto next = HoldStep(4);
  ASSERT_THAT(runner_->CheckpointDirectories(), ElementsAre("/out/step-4"));
  runner_->OnScrubbed("/out/step-4", absl::UnavailableError("cannot read"));
  EXPECT_THAT(ledger_.set_aside, IsEmpty());
  runner_->OnScrubbed("/out/step-4", absl::DataLossError("rotten"));
  EXPECT_THAT(ledger_.set_aside, ElementsAre("/out/step-4"));
  EXPECT_THAT(host_.forgotten, ElementsAre(4));
  ASSERT_FALSE(host_.warnings.empty());
  EXPECT_EQ(host_.warnings[0], "rotten");
  for (int32_t rank = 0; rank < 2; ++rank) {
    Deliver(rank, stages_[static_cast<size_t>(rank)].Answer(
                      next[static_cast<size_t>(rank)]));
  }
  Work();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  // Right behind the steps that were on their way, not an hour later.
  EXPECT_THAT(host_.committed, ElementsAre(4, 6, 12));
}

TEST_F(JobRunnerTest, WhatCannotBeReadNowIsNotTakenForDamaged) {
  Start(MakePlan());
  Work();
  ledger_.unreadable.insert("/out/step-4");
  ledger_.manifests.erase("/out/step-6");
  host_ = FakeHost();
  Start(MakePlan(), {{2, "/out/step-2"}, {4, "/out/step-4"}});
  const auto start = WorkUntil<StartCommand>(0);
  ASSERT_TRUE(start.has_value());
  EXPECT_EQ(std::get<StartCommand>(start->body).resume_from, "/out/step-2");
  EXPECT_THAT(ledger_.set_aside, IsEmpty());
  EXPECT_THAT(host_.forgotten, IsEmpty());
}

}  // namespace
}  // namespace halfpipe
