#include <filesystem>
#include <string>

#include "absl/strings/match.h"
#include "absl/time/clock.h"
#include "common/base/file.h"
#include "coordinator/coordinator_fixture.h"
#include "coordinator/store/sqlite.h"
#include "coordinator/store/store_copies.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class CoordinatorStoreTest : public CoordinatorTest {
 protected:
  void Submit(const std::string& id) {
    const auto job = coordinator_->CreateJob(Spec(id));
    ASSERT_TRUE(job.ok()) << job.status();
  }

  void Cancel(const std::string& id) {
    ASSERT_TRUE(coordinator_->CancelJob(id, false).ok());
  }

  void Spoil(const std::string& sql) {
    auto database = SqliteDatabase::Open(StorePath(StateDir()));
    ASSERT_TRUE(database.ok()) << database.status();
    ASSERT_TRUE(database->Execute(sql).ok());
  }

  std::string StateDir() const { return directory_ + "/state"; }

  // Ticks until the round that is under way has been taken note of.
  template <typename Condition>
  bool TicksUntil(Condition condition) {
    const absl::Time deadline = absl::Now() + absl::Seconds(20);
    while (!condition() && absl::Now() < deadline) {
      coordinator_->Tick();
      absl::SleepFor(absl::Milliseconds(2));
    }
    return condition();
  }

  // Of the round that the first tick begins, an hour after the epoch.
  void AwaitFirstCopy() {
    ASSERT_TRUE(TicksUntil([this] {
      return absl::StrContains(registry_.Text(),
                               "halfpipe_store_copy_timestamp_seconds 3600\n");
    })) << registry_.Text();
  }
};

TEST_F(CoordinatorStoreTest, AStartAndEveryDayLeaveACopy) {
  Submit("a");
  AwaitFirstCopy();
  EXPECT_THAT(ListStoreCopies(StateDir()), SizeIs(1));
  now_ += absl::Hours(23);
  coordinator_->Tick();
  now_ += absl::Hours(1);
  EXPECT_TRUE(
      TicksUntil([this] { return ListStoreCopies(StateDir()).size() == 2; }));
}

TEST_F(CoordinatorStoreTest, AJobWhoseRecordIsDamagedIsListedAndHoldsUpNobody) {
  for (const char* id : {"a", "b", "c"}) Submit(id);
  coordinator_.reset();
  Spoil("UPDATE jobs SET body = x'ff' WHERE id IN ('a', 'c')");
  Open();
  EXPECT_TRUE(TicksUntil([this] {
    return absl::StrContains(registry_.Text(),
                             "halfpipe_store_damaged_rows 2\n");
  }));
  EXPECT_TRUE(coordinator_->Pulse().ok());
  const auto listed = coordinator_->ListJobs({});
  ASSERT_TRUE(listed.ok()) << listed.status();
  ASSERT_THAT(listed->jobs, SizeIs(3));
  EXPECT_EQ(listed->jobs[0].id, "c");
  EXPECT_EQ(listed->jobs[0].state, JobState::kFailed);
  EXPECT_THAT(listed->jobs[0].reason, HasSubstr("damaged"));
  EXPECT_EQ(coordinator_->GetJob("b")->queue_position, 1);
  EXPECT_TRUE(absl::IsDataLoss(coordinator_->ResumeJob("a").status()));
  JoinPair("default");
  EXPECT_EQ(StateOf("b"), JobState::kPreparing);
  ASSERT_TRUE(coordinator_->DeleteJob("a").ok());
  EXPECT_TRUE(absl::IsNotFound(coordinator_->GetJob("a").status()));
}

TEST_F(CoordinatorStoreTest, ADamagedRecordOfARunningJobIsSetAsideAtAStart) {
  Submit("a");
  JoinPair("default");
  WorkToStep("a", 1);
  coordinator_.reset();
  Spoil("UPDATE jobs SET body = x'ff'");
  Open();
  EXPECT_EQ(StateOf("a"), JobState::kFailed);
  Submit("b");
}

TEST_F(CoordinatorStoreTest, ADamagedConfigurationFailsItsJob) {
  Submit("a");
  coordinator_.reset();
  Spoil("UPDATE configs SET body = x'01'");
  Open();
  EXPECT_THAT(coordinator_->GetJob("a")->config_yaml, HasSubstr("damaged"));
  JoinPair("default");
  EXPECT_EQ(StateOf("a"), JobState::kFailed);
  EXPECT_THAT(ReasonOf("a"), HasSubstr("configuration"));
}

TEST_F(CoordinatorStoreTest, ADatabaseThatIsDamagedUnderItIsTold) {
  for (int i = 0; i < 40; ++i) Submit(absl::StrCat("job-", i));
  AwaitFirstCopy();
  // The log goes into the file, and then half of that is gone.
  Spoil("PRAGMA wal_checkpoint(TRUNCATE)");
  const std::string path = StorePath(StateDir());
  std::filesystem::resize_file(path,
                               std::filesystem::file_size(path) / 8192 * 4096);
  now_ += absl::Hours(24);
  ASSERT_TRUE(TicksUntil(
      [this] { return absl::IsDataLoss(coordinator_->Pulse().status()); }));
  EXPECT_THAT(coordinator_->Pulse().status().message(),
              HasSubstr("cp backups/halfpipe-000001-"));
}

TEST_F(CoordinatorStoreTest, OnlyAJobThatHasEndedCanBeDeleted) {
  Submit("a");
  EXPECT_TRUE(
      absl::IsFailedPrecondition(coordinator_->DeleteJob("a").status()));
  Cancel("a");
  const auto deleted = coordinator_->DeleteJob("a");
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_EQ(deleted->state, JobState::kCancelled);
  EXPECT_TRUE(absl::IsNotFound(coordinator_->GetJob("a").status()));
  EXPECT_TRUE(absl::IsNotFound(coordinator_->DeleteJob("a").status()));
  EXPECT_THAT(coordinator_->ListJobs({})->jobs, IsEmpty());
  Submit("a");  // its name is free
  EXPECT_EQ(StateOf("a"), JobState::kQueued);
}

TEST_F(CoordinatorStoreTest, WhatAJobWroteOutlivesItsRecord) {
  Submit("a");
  JoinPair("default");
  Work();
  ASSERT_EQ(StateOf("a"), JobState::kDone);
  const std::string folder =
      coordinator_->GetJob("a")->checkpoints.back().directory;
  ASSERT_TRUE(coordinator_->DeleteJob("a").ok());
  EXPECT_TRUE(std::filesystem::exists(folder));
}

TEST_F(CoordinatorStoreTest, OldJobsAndThoseThatAreTooManyGo) {
  coordinator_options_.retention = {.days = 10, .ended_jobs = 3};
  Open();
  for (int i = 0; i < 6; ++i) {
    Submit(absl::StrCat("job-", i));
    Cancel(absl::StrCat("job-", i));
    now_ += absl::Seconds(1);
  }
  Submit("waits");
  now_ += absl::Minutes(1);
  coordinator_->Tick();
  EXPECT_THAT(coordinator_->ListJobs({})->jobs, SizeIs(4));
  EXPECT_TRUE(absl::IsNotFound(coordinator_->GetJob("job-2").status()));
  EXPECT_TRUE(coordinator_->GetJob("job-3").ok());
  // A clock that is set makes none of them old, until it has gone on a while.
  wall_ahead_ += absl::Hours(24) * 11;
  coordinator_->Tick();
  EXPECT_THAT(coordinator_->ListJobs({})->jobs, SizeIs(4));
  for (int i = 0; i < 70; ++i) {
    now_ += absl::Minutes(1);
    coordinator_->Tick();
  }
  EXPECT_THAT(coordinator_->ListJobs({})->jobs, SizeIs(1));
  EXPECT_EQ(StateOf("waits"), JobState::kQueued);
}

TEST_F(CoordinatorStoreTest, TheFileShrinksWithItsJobs) {
  coordinator_options_.retention = {.days = 10, .ended_jobs = 1};
  coordinator_options_.max_queued_jobs = 1000;
  Open();
  uint32_t random = 1;
  for (int i = 0; i < 800; ++i) {
    JobSpec spec = Spec(absl::StrCat("job-", i));
    for (int label = 0; label < 32; ++label) {
      std::string& value = spec.labels[absl::StrCat("label-", label)];
      while (value.size() < 256) {  // nothing that could be packed well
        random = random * 1664525 + 1013904223;
        value.push_back(static_cast<char>('0' + (random >> 24) % 64));
      }
    }
    ASSERT_TRUE(coordinator_->CreateJob(spec).ok());
    Cancel(spec.id);
  }
  Spoil("PRAGMA wal_checkpoint(TRUNCATE)");
  const auto before = std::filesystem::file_size(StorePath(StateDir()));
  EXPECT_TRUE(TicksUntil(
      [this] { return coordinator_->ListJobs({})->jobs.size() == 1; }));
  EXPECT_TRUE(TicksUntil([this, before] {
    Spoil("PRAGMA wal_checkpoint(TRUNCATE)");
    return std::filesystem::file_size(StorePath(StateDir())) < before / 3 * 2;
  })) << before;
}

TEST_F(CoordinatorStoreTest, WhatWaitsIsBoundedInBytes) {
  coordinator_options_.max_queued_bytes = 100'000;
  Open();
  JobSpec spec = Spec("a");
  spec.config_yaml += "# " + std::string(60'000, 'x') + "\n";
  ASSERT_TRUE(coordinator_->CreateJob(spec).ok());
  JobSpec second = spec;
  second.id = "b";
  const absl::Status refused = coordinator_->CreateJob(second).status();
  EXPECT_TRUE(absl::IsResourceExhausted(refused)) << refused;
  EXPECT_THAT(refused.message(), HasSubstr("limits.queued_bytes"));
  Submit("small");
  // The same again is the job that is there.
  EXPECT_TRUE(coordinator_->CreateJob(spec).ok());
  Open();  // also after a restart
  EXPECT_FALSE(coordinator_->CreateJob(second).ok());
  EXPECT_TRUE(coordinator_->CreateJob(spec).ok());
  Cancel("a");
  EXPECT_TRUE(coordinator_->CreateJob(second).ok());
}

TEST_F(CoordinatorStoreTest, AQueueThatIsLongerThanMemoryRunsInOrder) {
  coordinator_options_.max_queued_jobs = 5000;
  Open();
  const int jobs = static_cast<int>(JobBook::kMostAtRest) + 300;
  for (int i = 0; i < jobs; ++i) {
    Submit(absl::StrCat("job-", i));
    if (i % 100 == 0) coordinator_->Tick();
  }
  coordinator_->Tick();
  EXPECT_EQ(coordinator_->GetJob("job-0")->queue_position, 1);
  EXPECT_EQ(
      coordinator_->GetJob(absl::StrCat("job-", jobs - 1))->queue_position,
      jobs);
  Cancel("job-0");
  JoinPair("default");
  EXPECT_EQ(StateOf("job-1"), JobState::kPreparing);
  EXPECT_THAT(coordinator_->GetJob("job-1")->config_yaml, HasSubstr("job-1"));
}

}  // namespace
}  // namespace halfpipe
