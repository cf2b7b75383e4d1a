#include "coordinator/store_schema.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/rpc/job_storage_format.h"
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
