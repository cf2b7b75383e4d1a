// Disks that are full.
#include <cerrno>

#include "common/base/disk_full.h"
#include "coordinator/job_runner_fixture.h"
#include "gmock/gmock.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class FullDiskTest : public JobRunnerTest {
 protected:
  static absl::Status Full(const std::string& path) {
    return FileErrnoStatus(ENOSPC, "cannot write", path);
  }

  void Wait(absl::Duration time) {
    for (absl::Duration at; at < time; at += absl::Seconds(1)) {
      now_ += absl::Seconds(1);
      runner_->OnTick(now_);
    }
  }
};

TEST_F(FullDiskTest, ASaveWaitsForRoomAndLosesNothing) {
  Start(MakePlan());
  const auto save = WorkUntil<SaveCommand>(1);
  Deliver(1, Failure(*save, Full("/out/x")));
  Work();  // the peer's part
  EXPECT_EQ(host_.state, JobState::kSaving);
  EXPECT_THAT(host_.reason, HasSubstr("stage 1, save: cannot write /out/x"));
  EXPECT_THAT(host_.reason, HasSubstr("make room there"));
  EXPECT_THAT(host_.warnings, SizeIs(1));
  EXPECT_THAT(ledger_.open, IsEmpty());
  // Twice again, after pauses that grow.
  for (int attempt = 0; attempt < 2; ++attempt) {
    Wait(absl::Seconds(12));
    const auto again = WorkUntil<SaveCommand>(0);
    ASSERT_TRUE(again.has_value());
    EXPECT_EQ(std::get<SaveCommand>(again->body).step, Step(1));
    Deliver(0, Failure(*again, Full("/out/x")));
    (void)WorkUntil<StepCommand>(0);  // the peer's part is no use
  }
  EXPECT_THAT(host_.warnings, SizeIs(1));
  EXPECT_THAT(host_.committed, IsEmpty());
  Wait(absl::Seconds(22));
  Work();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_EQ(host_.restarts, 0);
  EXPECT_THAT(host_.committed, ElementsAre(2, 4, 6));
  EXPECT_THAT(host_.steps, SizeIs(6));  // none was done twice
}

TEST_F(FullDiskTest, SoDoTheFolderTheExportAndTheCommit) {
  Start(MakePlan());
  ledger_.begin_error = Full("/out/tmp");
  Work();
  EXPECT_EQ(host_.state, JobState::kSaving);
  EXPECT_THAT(host_.reason, HasSubstr("/out/tmp"));
  ledger_.begin_error = absl::OkStatus();
  Wait(absl::Seconds(7));
  const auto exporting = WorkUntil<ExportCommand>(0);
  ASSERT_TRUE(exporting.has_value());
  Deliver(0, Failure(*exporting, Full("/out/lora")));
  EXPECT_EQ(host_.state, JobState::kSaving);
  ledger_.commit_error = Full("/out/manifest");
  Wait(absl::Seconds(12));
  Work();
  EXPECT_THAT(host_.reason, HasSubstr("/out/manifest"));
  ledger_.commit_error = absl::OkStatus();
  host_.commit_error = Full("/state/halfpipe.db");
  Wait(absl::Seconds(22));
  Work();
  EXPECT_THAT(host_.reason, HasSubstr("/state/halfpipe.db"));
  EXPECT_THAT(host_.committed, IsEmpty());
  host_.commit_error = absl::OkStatus();
  Wait(absl::Seconds(42));
  Work();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_THAT(host_.committed, ElementsAre(2, 4, 6));
}

TEST_F(FullDiskTest, TheEncodingIsDoneAgainWhereThereWasNoRoom) {
  Start(MakePlan());
  const auto encode = WorkUntil<EncodeCommand>(0);
  Deliver(0, Failure(*encode, Full("/cache/x")));
  EXPECT_EQ(host_.state, JobState::kPreparing);
  Work();
  EXPECT_THAT(host_.reason, HasSubstr("stage 0, encode: cannot write"));
  Wait(absl::Seconds(7));
  Work();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_EQ(host_.restarts, 0);
}

TEST_F(FullDiskTest, AStageThatDiesWhileTheDiskIsFullIsReplaced) {
  Start(MakePlan());
  const auto save = WorkUntil<SaveCommand>(1);
  Deliver(1, Failure(*save, Full("/out/x")));
  Kill(0);
  Work();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_EQ(host_.restarts, 1);
}

TEST_F(FullDiskTest, ACancelDoesNotWaitForTheDisk) {
  Start(MakePlan());
  const auto save = WorkUntil<SaveCommand>(1, 1);
  Deliver(1, Failure(*save, Full("/out/x")));
  Work();
  EXPECT_EQ(host_.state, JobState::kSaving);
  runner_->Stop(StopKind::kCancel, now_);
  EXPECT_EQ(host_.state, JobState::kCancelled);
  EXPECT_THAT(host_.reason, HasSubstr("the last checkpoint has 2 steps"));
  EXPECT_THAT(host_.reason, HasSubstr("no room"));
}

TEST_F(FullDiskTest, NorDoesAPause) {
  Start(MakePlan());
  const auto save = WorkUntil<SaveCommand>(1, 1);
  Deliver(1, Failure(*save, Full("/out/x")));
  Work();
  runner_->Stop(StopKind::kPause, now_);
  EXPECT_EQ(host_.state, JobState::kPaused);
  EXPECT_THAT(host_.reason, HasSubstr("the last checkpoint has 2 steps"));
}

TEST_F(FullDiskTest, ASaveThatIsAskedForMeanwhileIsTheOneThatWaits) {
  Start(MakePlan());
  const auto save = WorkUntil<SaveCommand>(1);
  Deliver(1, Failure(*save, Full("/out/x")));
  Work();
  EXPECT_TRUE(runner_->RequestSave(now_));
  Wait(absl::Seconds(7));
  Work();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_THAT(host_.committed, ElementsAre(2, 4, 6));
}

TEST_F(FullDiskTest, MemoryThatRunsOutIsNotWaitedFor) {
  Start(MakePlan());
  const auto save = WorkUntil<SaveCommand>(1);
  Deliver(1, Failure(*save, absl::ResourceExhaustedError("out of memory")));
  EXPECT_EQ(host_.state, JobState::kFailed);
}

class ShortageTest : public FullDiskTest {
 protected:
  static absl::Status Short(const std::string& path) {
    return FileErrnoStatus(EMFILE, "cannot open", path);
  }
};

TEST_F(ShortageTest, ASaveWaitsForDescriptorsToo) {
  Start(MakePlan());
  const auto save = WorkUntil<SaveCommand>(1);
  Deliver(1, Failure(*save, Short("/out/x")));
  Work();
  EXPECT_EQ(host_.state, JobState::kSaving);
  EXPECT_THAT(host_.reason, HasSubstr("waits for descriptors or memory"));
  EXPECT_THAT(host_.reason, HasSubstr("Too many open files"));
  Wait(absl::Seconds(7));
  Work();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_EQ(host_.restarts, 0);
}

// Where the stages lose their state the job goes back to its last commit,
// however often that takes.
TEST_F(ShortageTest, AStepGoesOnFromTheLastCommit) {
  Start(MakePlan());
  for (int attempt = 0; attempt < 8; ++attempt) {
    const auto step = WorkUntil<StepCommand>(0);
    ASSERT_TRUE(step.has_value()) << attempt << host_.error;
    Deliver(0, Failure(*step, Short("/cache/x")));
    Wait(absl::Seconds(70));
  }
  EXPECT_THAT(host_.warnings, SizeIs(1));
  Work();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_GT(host_.restarts, 5);  // what other causes end a job after
}

TEST_F(ShortageTest, TheCoordinatorsOwnIsWaitedForToo) {
  Start(MakePlan());
  ledger_.begin_error = Short("/out/tmp");
  Work();
  EXPECT_EQ(host_.state, JobState::kSaving);
  ledger_.begin_error = absl::OkStatus();
  Wait(absl::Seconds(7));
  Work();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
}

// A folder that nobody could look into may be another job's.
TEST_F(ShortageTest, NothingBeginsBeforeTheFolderIsKnown) {
  ledger_.look_error = Short("/out");
  Start(MakePlan());
  Wait(absl::Seconds(3));
  EXPECT_FALSE(WorkUntil<ScanCommand>(0).has_value());
  ledger_.look_error = absl::OkStatus();
  Wait(absl::Seconds(10));
  Work();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
}

TEST_F(ShortageTest, ACancelDoesNotWaitForIt) {
  Start(MakePlan());
  const auto step = WorkUntil<StepCommand>(0);
  Deliver(0, Failure(*step, Short("/cache/x")));
  runner_->Stop(StopKind::kCancelNow, now_);
  Wait(absl::Seconds(20));
  Work();
  EXPECT_EQ(host_.state, JobState::kCancelled);
}

}  // namespace
}  // namespace halfpipe
