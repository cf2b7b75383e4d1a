#include "coordinator/store/job_store.h"

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/store/sqlite.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

Job MakeJob(const std::string& id) {
  Job job;
  job.id = id;
  job.name = "name";
  job.labels = {{"a", "1"}};
  job.created = absl::FromUnixMillis(1234);
  job.steps_total = 10;
  return job;
}

JobEvent Event(int64_t cursor, JobState state) {
  JobEvent event;
  event.cursor = cursor;
  event.what = StateChange{state, "why", absl::OkStatus()};
  return event;
}

class JobStoreTest : public ::testing::Test {
 protected:
  JobStoreTest() {
    std::filesystem::remove_all(directory_);
    Open();
  }

  void Open() {
    store_.reset();
    auto store = JobStore::Open(directory_);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  const std::string directory_ = ::testing::TempDir() + "/job_store_test";
  std::unique_ptr<JobStore> store_;
};

TEST_F(JobStoreTest, EverythingIsThereAfterARestart) {
  JobSpec spec;
  spec.id = "a";
  spec.record_dir = "/rec";
  ASSERT_TRUE(store_->Create(MakeJob("a"), spec).ok());
  Job job = MakeJob("a");
  job.state = JobState::kFailed;
  job.error = absl::DataLossError("broken");
  job.last_cursor = 2;
  ASSERT_TRUE(store_
                  ->Update(job, {Event(1, JobState::kQueued),
                                 Event(2, JobState::kFailed)})
                  .ok());
  ASSERT_TRUE(
      store_->CommitCheckpoint(job, {4, "/x", absl::FromUnixMillis(9), 77}, {})
          .ok());
  Open();
  auto stored = store_->Get("a");
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(stored->job.state, JobState::kFailed);
  EXPECT_EQ(stored->job.error, absl::DataLossError("broken"));
  EXPECT_EQ(stored->job.labels.at("a"), "1");
  EXPECT_EQ(stored->spec.record_dir, "/rec");
  ASSERT_THAT(stored->job.checkpoints, SizeIs(1));
  EXPECT_EQ(stored->job.checkpoints[0].directory, "/x");
  EXPECT_EQ(stored->job.checkpoints[0].bytes, 77);
  auto events = store_->Events("a", 1, 10);
  ASSERT_TRUE(events.ok());
  ASSERT_THAT(*events, SizeIs(1));
  EXPECT_EQ(std::get<StateChange>((*events)[0].what).state, JobState::kFailed);
}

TEST_F(JobStoreTest, EpochsNeverRepeat) {
  const Epoch first = store_->NextEpoch().value();
  EXPECT_EQ(store_->NextEpoch().value(), Epoch(first.value() + 1));
  Open();
  EXPECT_EQ(store_->NextEpoch().value(), Epoch(first.value() + 2));
}

TEST_F(JobStoreTest, AnIdIsTakenOnce) {
  ASSERT_TRUE(store_->Create(MakeJob("a"), {}).ok());
  EXPECT_EQ(store_->Create(MakeJob("a"), {}).status().code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(store_->Create(MakeJob("b"), {}).ok());
}

TEST_F(JobStoreTest, ARefusedEventLeavesTheJobAsItWas) {
  ASSERT_TRUE(store_->Create(MakeJob("a"), {}).ok());
  Job job = MakeJob("a");
  ASSERT_TRUE(store_->Update(job, {Event(1, JobState::kQueued)}).ok());
  job.state = JobState::kDone;
  EXPECT_FALSE(store_->Update(job, {Event(1, JobState::kDone)}).ok());
  EXPECT_EQ(store_->Get("a")->job.state, JobState::kQueued);
}

TEST_F(JobStoreTest, ListsNewestFirst) {
  for (const char* id : {"a", "b", "c"}) {
    ASSERT_TRUE(store_->Create(MakeJob(id), {}).ok());
  }
  Job ended = MakeJob("b");
  ended.state = JobState::kDone;
  ASSERT_TRUE(store_->Update(ended, {}).ok());
  auto page = store_->List(1 << 30, 2);
  ASSERT_TRUE(page.ok());
  ASSERT_THAT(*page, SizeIs(2));
  EXPECT_EQ((*page)[0].job.id, "c");
  EXPECT_EQ(store_->List((*page)[1].number, 2)->at(0).job.id, "a");
}

TEST_F(JobStoreTest, TellsTheQueueFromWhatIsUnderWay) {
  const std::map<std::string, std::pair<int32_t, JobState>> jobs = {
      {"a", {0, JobState::kQueued}},    {"b", {-1, JobState::kQueued}},
      {"c", {5, JobState::kQueued}},    {"d", {0, JobState::kQueued}},
      {"e", {9, JobState::kRunning}},   {"f", {0, JobState::kPaused}},
      {"g", {7, JobState::kCancelled}}, {"h", {0, JobState::kDone}}};
  for (const auto& [id, as] : jobs) {
    Job job = MakeJob(id);
    job.priority = as.first;
    ASSERT_TRUE(store_->Create(job, {}).ok());
    job.state = as.second;
    ASSERT_TRUE(store_->Update(job, {}).ok());
  }
  std::vector<std::string> queued;
  const auto queue = store_->ListQueued();
  ASSERT_TRUE(queue.ok()) << queue.status();
  for (const QueuedJob& job : *queue) {
    queued.push_back(absl::StrCat(job.id, " ", job.priority));
    EXPECT_EQ(job.number, store_->Get(job.id)->number);
  }
  EXPECT_THAT(queued, ElementsAre("c 5", "a 0", "d 0", "b -1"));
  const auto under_way = store_->ListUnderWay();
  ASSERT_TRUE(under_way.ok()) << under_way.status();
  ASSERT_THAT(*under_way, SizeIs(2));
  EXPECT_EQ((*under_way)[0].job.id, "e");
  EXPECT_EQ((*under_way)[1].job.id, "f");
}

TEST_F(JobStoreTest, UnknownJobsAreNamed) {
  EXPECT_EQ(store_->Get("nope").status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(store_->Get("nope").status().message(), HasSubstr("nope"));
}

TEST_F(JobStoreTest, ASecondCoordinatorIsRefused) {
  auto second = JobStore::Open(directory_);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(second.status().message(), HasSubstr("another"));
}

TEST_F(JobStoreTest, ANewerDatabaseIsRefused) {
  store_.reset();
  {
    auto database = SqliteDatabase::Open(directory_ + "/halfpipe.db");
    ASSERT_TRUE(database.ok());
    ASSERT_TRUE(database->Execute("PRAGMA user_version = 99").ok());
  }
  EXPECT_EQ(JobStore::Open(directory_).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace halfpipe
