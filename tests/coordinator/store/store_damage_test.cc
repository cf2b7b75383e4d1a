// Damaged databases of every kind: each is refused with the way back, or all of
// it is served but the records that are named. None is served without a word.
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/file.h"
#include "coordinator/store/job_store.h"
#include "coordinator/store/store_check.h"
#include "coordinator/store/store_copies.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

constexpr size_t kPage = 4096;
constexpr int kJobs = 600;

class StoreDamageTest : public ::testing::Test {
 protected:
  StoreDamageTest() {
    std::filesystem::remove_all(directory_);
    auto store = JobStore::Open(directory_);
    EXPECT_TRUE(store.ok()) << store.status();
    for (int i = 0; i < kJobs; ++i) {
      Job job;
      job.id = absl::StrCat("job-", i);
      job.config_yaml = std::string(2000, 'x');
      EXPECT_TRUE((*store)->Create(job, {}).ok());
    }
    auto database = SqliteDatabase::OpenReader(StorePath(directory_));
    EXPECT_TRUE(database.ok()) << database.status();
    EXPECT_TRUE(CopyStore(*database, directory_, absl::UnixEpoch()).ok());
    *database = *SqliteDatabase::Open(":memory:");
    store->reset();
    whole_ = *ReadFile(StorePath(directory_));
  }

  void Write(const std::string& bytes) {
    std::filesystem::remove(StorePath(directory_));
    ASSERT_TRUE(WriteFileAtomically(StorePath(directory_), bytes).ok());
  }

  // Whether the folder is refused, with the way back.
  bool IsRefused() {
    const auto store = JobStore::Open(directory_);
    if (store.ok()) return false;
    EXPECT_TRUE(absl::IsDataLoss(store.status()) ||
                absl::IsFailedPrecondition(store.status()))
        << store.status();
    EXPECT_THAT(store.status().message(), HasSubstr("halfpipe-000001-"));
    return true;
  }

  // Whether records are missing or damaged that are then named.
  bool IsTold() {
    const auto database = SqliteDatabase::OpenReader(StorePath(directory_));
    EXPECT_TRUE(database.ok()) << database.status();
    const auto rows = FindDamagedRows(*database);
    EXPECT_TRUE(rows.ok()) << rows.status();
    return rows.ok() && !rows->empty();
  }

  const std::string directory_ = ::testing::TempDir() + "/store_damage_test";
  std::string whole_;
};

TEST_F(StoreDamageTest, AWholeOneIsServed) {
  Write(whole_);
  EXPECT_FALSE(IsRefused());
  EXPECT_FALSE(IsTold());
}

TEST_F(StoreDamageTest, AFileThatIsNotTheWholeOneIsRefused) {
  const std::vector<std::pair<std::string, std::function<std::string()>>>
      kinds = {
          {"empty", [] { return std::string(); }},
          {"zeros", [this] { return std::string(whole_.size(), '\0'); }},
          {"text", [] { return std::string(9000, 'x'); }},
          {"half", [this] { return whole_.substr(0, whole_.size() / 2); }},
          {"half, whole pages",
           [this] {
             return whole_.substr(0, whole_.size() / kPage / 2 * kPage);
           }},
          {"the last page is missing",
           [this] { return whole_.substr(0, whole_.size() - kPage); }},
          {"no header",
           [this] { return std::string(100, '\0') + whole_.substr(100); }},
          {"the first page is zeros",
           [this] { return std::string(kPage, '\0') + whole_.substr(kPage); }},
      };
  for (const auto& [name, make] : kinds) {
    SCOPED_TRACE(name);
    Write(make());
    EXPECT_TRUE(IsRefused());
  }
}

TEST_F(StoreDamageTest, NoPageIsLostWithoutAWord) {
  const size_t pages = whole_.size() / kPage;
  ASSERT_GT(pages, 30U);
  for (size_t page = 1; page < pages; page += 3) {
    for (const char filler : {'\0', '\x5a'}) {
      SCOPED_TRACE(absl::StrCat("page ", page + 1, " of ", pages));
      std::string bytes = whole_;
      bytes.replace(page * kPage, kPage, std::string(kPage, filler));
      Write(bytes);
      EXPECT_TRUE(IsRefused() || IsTold());
    }
  }
}

TEST_F(StoreDamageTest, NoRecordIsAnotherWithoutAWord) {
  // In the middle of each page: mostly of records, which SQLite cannot judge.
  const size_t pages = whole_.size() / kPage;
  int told = 0;
  for (size_t page = 1; page < pages; page += 3) {
    std::string bytes = whole_;
    const size_t at = page * kPage + kPage * 3 / 4;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x04);
    Write(bytes);
    // What is free within a page may hold anything, and names for people and
    // the digest of a request are not looked at.
    if (IsRefused() || IsTold()) ++told;
  }
  EXPECT_GT(told, static_cast<int>(pages / 3 / 3));
}

TEST_F(StoreDamageTest, WhatOtherHandsDidIsRefused) {
  const std::vector<std::string> kinds = {
      "DROP TABLE events",
      "DROP TABLE configs",
      "DROP INDEX jobs_queued",
      "DELETE FROM counters",
      "PRAGMA user_version = 0",
      "PRAGMA user_version = 1",
      "PRAGMA application_id = 7",
      "ALTER TABLE jobs DROP COLUMN request",
      "PRAGMA writable_schema = 1; DELETE FROM sqlite_master",
  };
  for (const std::string& sql : kinds) {
    SCOPED_TRACE(sql);
    Write(whole_);
    {
      auto database = SqliteDatabase::Open(StorePath(directory_));
      ASSERT_TRUE(database.ok()) << database.status();
      ASSERT_TRUE(database->Execute(sql).ok());
    }
    const auto store = JobStore::Open(directory_);
    EXPECT_TRUE(absl::IsDataLoss(store.status()) ||
                absl::IsFailedPrecondition(store.status()))
        << store.status();
  }
}

TEST_F(StoreDamageTest, RecordsThatCannotBeReadBreakNothing) {
  Write(whole_);
  {
    auto database = SqliteDatabase::Open(StorePath(directory_));
    ASSERT_TRUE(database.ok()) << database.status();
    ASSERT_TRUE(database
                    ->Execute("UPDATE jobs SET body = x'ff' WHERE number = 600;"
                              "UPDATE jobs SET spec = x'00' WHERE number = 2")
                    .ok());
  }
  auto store = JobStore::Open(directory_);
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_TRUE((*store)->Probe().ok());
  const auto newest = (*store)->List(1 << 30, 2);
  ASSERT_TRUE(newest.ok()) << newest.status();
  ASSERT_EQ(newest->size(), 2U);
  EXPECT_TRUE((*newest)[0].is_damaged);
  EXPECT_EQ((*newest)[0].job.id, "job-599");
  EXPECT_EQ((*newest)[0].job.state, JobState::kFailed);
  EXPECT_THAT((*newest)[0].job.error.message(), HasSubstr("damaged"));
  EXPECT_FALSE((*newest)[1].is_damaged);
  ASSERT_TRUE((*store)->SetAside({"job-599", "job-1"}, absl::Now()).ok());
  const auto queued = (*store)->ListQueued();
  ASSERT_TRUE(queued.ok()) << queued.status();
  EXPECT_EQ(queued->size(), static_cast<size_t>(kJobs - 2));
  const auto failed = (*store)->List(1 << 30, 9, {JobState::kFailed});
  ASSERT_TRUE(failed.ok()) << failed.status();
  EXPECT_EQ(failed->size(), 2U);
  ASSERT_TRUE((*store)->Delete({"job-599"}).ok());
  EXPECT_TRUE(absl::IsNotFound((*store)->Get("job-599").status()));
}

}  // namespace
}  // namespace halfpipe
