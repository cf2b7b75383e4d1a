#include "coordinator/store/store_check.h"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "coordinator/store/job_store.h"
#include "coordinator/store/store_copies.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class StoreCheckTest : public ::testing::Test {
 protected:
  StoreCheckTest() {
    std::filesystem::remove_all(directory_);
    auto store = JobStore::Open(directory_);
    EXPECT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    for (const char* id : {"a", "b", "c"}) {
      Job job;
      job.id = id;
      job.config_yaml = "name: n\n";
      EXPECT_TRUE(store_->Create(job, {}).ok());
      JobEvent event;
      event.cursor = 1;
      event.what = LogLine{LogSeverity::kInfo, "hello"};
      EXPECT_TRUE(store_->Update(job, {event}).ok());
    }
    database_ = *SqliteDatabase::Open(StorePath(directory_));
  }

  void Spoil(const std::string& sql) {
    const absl::Status done = database_.Execute(sql);
    ASSERT_TRUE(done.ok()) << done;
  }

  std::vector<std::string> Found() {
    const auto rows = FindDamagedRows(database_);
    EXPECT_TRUE(rows.ok()) << rows.status();
    std::vector<std::string> found;
    for (const DamagedRow& row : *rows) {
      const std::string text = ToText(row);
      found.push_back(text.substr(0, text.find(':')));
    }
    return found;
  }

  const std::string directory_ = ::testing::TempDir() + "/store_check_test";
  std::unique_ptr<JobStore> store_;
  SqliteDatabase database_ = *SqliteDatabase::Open(":memory:");
};

TEST_F(StoreCheckTest, AWholeDatabaseIsWhole) {
  EXPECT_TRUE(CheckPages(database_).ok());
  EXPECT_TRUE(CheckSchema(database_).ok());
  EXPECT_THAT(Found(), IsEmpty());
}

TEST_F(StoreCheckTest, FindsEachRecordThatCannotBeRead) {
  Spoil("UPDATE jobs SET body = x'ff' WHERE id = 'a'");
  Spoil("UPDATE jobs SET spec = zeroblob(40) WHERE id = 'b'");
  Spoil("UPDATE configs SET body = x'01ff' WHERE number = 3");
  Spoil("UPDATE events SET body = zeroblob(3) WHERE job = 'c'");
  EXPECT_THAT(Found(),
              ElementsAre("job a", "job b", "the configuration of job c",
                          "an event of job c"));
}

TEST_F(StoreCheckTest, FindsRecordsThatBelongToSomebodyElse) {
  Spoil(
      "UPDATE jobs SET body = (SELECT body FROM jobs WHERE id = 'b') "
      "WHERE id = 'a'");
  Spoil("UPDATE jobs SET state = 'done', ended = 1 WHERE id = 'b'");
  Spoil("DELETE FROM configs WHERE number = 3");
  EXPECT_THAT(Found(),
              ElementsAre("job a", "job b", "the configuration of job c"));
}

TEST_F(StoreCheckTest, WhatWasSetAsideIsFoundUntilItIsDeleted) {
  Spoil("UPDATE jobs SET body = x'ff' WHERE id = 'a'");
  ASSERT_TRUE(store_->SetAside({"a"}, absl::UnixEpoch()).ok());
  EXPECT_THAT(Found(), ElementsAre("job a"));
  ASSERT_TRUE(store_->Delete({"a"}).ok());
  EXPECT_THAT(Found(), IsEmpty());
}

TEST_F(StoreCheckTest, APartThatIsMissingIsDamage) {
  Spoil("DELETE FROM counters");
  EXPECT_TRUE(absl::IsDataLoss(CheckSchema(database_)));
  Spoil("INSERT INTO counters VALUES ('epoch', 1)");
  EXPECT_TRUE(CheckSchema(database_).ok());
  Spoil("DROP INDEX jobs_queued");
  EXPECT_THAT(CheckSchema(database_).message(), HasSubstr("jobs_queued"));
}

}  // namespace
}  // namespace halfpipe
