#include <cstdint>
#include <filesystem>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/store/job_storage_format.h"
#include "coordinator/store/store_open.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class StoreSchemaTest : public ::testing::Test {
 protected:
  StoreSchemaTest() {
    std::filesystem::remove(path_);
    database_ = *SqliteDatabase::Open(path_);
  }

  const std::string path_ = ::testing::TempDir() + "/store_schema_test.db";
  SqliteDatabase database_;
};

TEST_F(StoreSchemaTest, MakesTheTablesOnce) {
  ASSERT_TRUE(PrepareSchema(&database_, path_).ok());
  ASSERT_TRUE(
      database_.Execute("UPDATE counters SET value = 7 WHERE name = 'epoch'")
          .ok());
  ASSERT_TRUE(PrepareSchema(&database_, path_).ok());
  auto query = database_.Prepare("SELECT value FROM counters");
  ASSERT_TRUE(query.ok()) << query.status();
  ASSERT_TRUE(*query->Step());
  EXPECT_EQ(query->Int(0), 7);
}

TEST_F(StoreSchemaTest, ThoseOfTheFirstVersionGetTheQueuesIndex) {
  ASSERT_TRUE(database_
                  .Execute("CREATE TABLE jobs ("
                           "  number INTEGER PRIMARY KEY AUTOINCREMENT,"
                           "  id TEXT NOT NULL UNIQUE, name TEXT NOT NULL,"
                           "  state TEXT NOT NULL, ended INTEGER NOT NULL,"
                           "  body BLOB NOT NULL, spec BLOB NOT NULL);"
                           "CREATE INDEX jobs_live ON jobs (number)"
                           "  WHERE ended = 0;"
                           "PRAGMA user_version = 1")
                  .ok());
  {
    auto insert = database_.Prepare(
        "INSERT INTO jobs VALUES (NULL, ?, 'name', ?, ?, ?, '')");
    ASSERT_TRUE(insert.ok()) << insert.status();
    for (const auto& [id, state, priority] :
         {std::tuple{"first", JobState::kQueued, 0},
          {"urgent", JobState::kQueued, 7},
          {"done", JobState::kDone, 9},
          {"later", JobState::kQueued, -3}}) {
      Job job;
      job.id = id;
      job.priority = priority;
      job.state = state;
      insert->Bind(1, id).Bind(2, JobStateName(state));
      insert->Bind(3, int64_t{HasEnded(state)});
      ASSERT_TRUE(insert->BindBlob(4, EncodeJob(job)).Run().ok());
    }
  }
  ASSERT_TRUE(PrepareSchema(&database_, path_).ok());
  auto queue = database_.Prepare(
      "SELECT id, priority FROM jobs INDEXED BY jobs_queued "
      "WHERE state = 'queued' ORDER BY priority DESC, number");
  ASSERT_TRUE(queue.ok()) << queue.status();
  std::vector<std::string> found;
  while (*queue->Step()) {
    found.push_back(absl::StrCat(queue->Text(0), " ", queue->Int(1)));
  }
  EXPECT_THAT(found, ElementsAre("urgent 7", "first 0", "later -3"));
  EXPECT_TRUE(PrepareSchema(&database_, path_).ok());
}

TEST_F(StoreSchemaTest, ThoseOfTheSecondVersionLoseTheirTexts) {
  ASSERT_TRUE(
      database_
          .Execute("CREATE TABLE jobs ("
                   "  number INTEGER PRIMARY KEY AUTOINCREMENT,"
                   "  id TEXT NOT NULL UNIQUE, name TEXT NOT NULL,"
                   "  state TEXT NOT NULL, ended INTEGER NOT NULL,"
                   "  body BLOB NOT NULL, spec BLOB NOT NULL,"
                   "  priority INTEGER NOT NULL DEFAULT 0);"
                   "CREATE INDEX jobs_queued ON jobs"
                   "  (priority DESC, number, id) WHERE state = 'queued';"
                   "CREATE INDEX jobs_under_way ON jobs (number)"
                   "  WHERE ended = 0 AND state <> 'queued';"
                   "PRAGMA user_version = 2")
          .ok());
  Job job;
  job.id = "a";
  job.state = JobState::kFailed;
  job.ended = absl::FromUnixMillis(77);
  job.config_yaml = "name: n\n";
  JobSpec spec;
  spec.config_yaml = std::string(200'000, '#');
  {
    auto insert = database_.Prepare(
        "INSERT INTO jobs VALUES (NULL, ?, 'name', 'failed', 1, ?, ?, 0)");
    ASSERT_TRUE(insert.ok()) << insert.status();
    insert->Bind(1, job.id).BindBlob(2, EncodeJob(job));
    ASSERT_TRUE(insert->BindBlob(3, EncodeJobSpec(spec)).Run().ok());
    insert->Bind(1, "spoilt").BindBlob(2, "\xff").BindBlob(3, "\xff");
    ASSERT_TRUE(insert->Run().ok());
  }
  ASSERT_TRUE(PrepareSchema(&database_, path_).ok());
  auto row = database_.Prepare(
      "SELECT jobs.body, spec, request, bytes, ended_ms, configs.body "
      "FROM jobs JOIN configs ON configs.number = jobs.number");
  ASSERT_TRUE(row.ok()) << row.status();
  ASSERT_TRUE(*row->Step());
  EXPECT_EQ(DecodeJob(row->Text(0))->config_yaml, "");
  EXPECT_EQ(DecodeJobSpec(row->Text(1))->config_yaml, "");
  EXPECT_EQ(row->Text(2), DigestOf(spec));
  EXPECT_EQ(row->Int(3), 200'000);
  EXPECT_EQ(row->Int(4), 77);
  EXPECT_EQ(FromStoredBytes(row->Text(5)).value_or("none"), "name: n\n");
  EXPECT_FALSE(*row->Step());
}

TEST_F(StoreSchemaTest, ADatabaseOfAnotherProgramIsLeftAlone) {
  ASSERT_TRUE(database_.Execute("CREATE TABLE theirs (x)").ok());
  EXPECT_TRUE(absl::IsDataLoss(PrepareSchema(&database_, path_)));
  EXPECT_FALSE(database_.Prepare("SELECT * FROM jobs").ok());
}

TEST_F(StoreSchemaTest, LeavesThoseOfANewerVersionAlone) {
  ASSERT_TRUE(database_.Execute("PRAGMA user_version = 99").ok());
  const absl::Status refused = PrepareSchema(&database_, path_);
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(refused.message(), HasSubstr("newer version"));
  EXPECT_THAT(refused.message(), HasSubstr(path_));
  EXPECT_FALSE(database_.Prepare("SELECT * FROM jobs").ok());
}

}  // namespace
}  // namespace halfpipe
