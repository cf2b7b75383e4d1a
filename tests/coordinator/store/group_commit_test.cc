#include "coordinator/store/group_commit.h"

#include <atomic>
#include <filesystem>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;

class GroupCommitTest : public ::testing::Test {
 protected:
  GroupCommitTest() {
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
    database_ = std::make_unique<SqliteDatabase>(*SqliteDatabase::Open(path_));
    EXPECT_TRUE(
        database_->Execute("CREATE TABLE t (n INTEGER UNIQUE, pad BLOB)").ok());
    commits_ = std::make_unique<GroupCommit>(database_.get());
  }

  GroupCommit::Ticket Insert(int number, int pad_bytes = 0) {
    return commits_->Add([this, number, pad_bytes] {
      return database_->Execute(absl::StrCat("INSERT INTO t VALUES (", number,
                                             ", zeroblob(", pad_bytes, "))"));
    });
  }

  // What another connection sees: what is committed.
  std::vector<int64_t> Rows() {
    auto reader = SqliteDatabase::OpenReader(path_);
    auto query = reader->Prepare("SELECT n FROM t ORDER BY n");
    std::vector<int64_t> rows;
    while (*query->Step()) rows.push_back(query->Int(0));
    return rows;
  }

  const std::string directory_ = ::testing::TempDir() + "/group_commit_test";
  const std::string path_ = directory_ + "/t.db";
  std::unique_ptr<SqliteDatabase> database_;
  std::unique_ptr<GroupCommit> commits_;
};

TEST_F(GroupCommitTest, NothingIsThereBeforeSomebodyWaits) {
  const auto first = Insert(1);
  const auto second = Insert(2);
  EXPECT_FALSE(commits_->IsDone(first));
  EXPECT_THAT(Rows(), ElementsAre());
  EXPECT_TRUE(commits_->Wait(first).ok());
  // One transaction took both.
  EXPECT_TRUE(commits_->IsDone(second));
  EXPECT_TRUE(commits_->Wait(second).ok());
  EXPECT_THAT(Rows(), ElementsAre(1, 2));
}

TEST_F(GroupCommitTest, AChangeThatFailsLeavesTheOthersAlone) {
  const auto first = Insert(1);
  const auto half = commits_->Add([this] {
    EXPECT_TRUE(database_->Execute("INSERT INTO t VALUES (7, '')").ok());
    return database_->Execute("INSERT INTO t VALUES (1, '')");
  });
  const auto last = Insert(3);
  EXPECT_TRUE(commits_->Wait(last).ok());
  EXPECT_TRUE(commits_->Wait(first).ok());
  EXPECT_EQ(commits_->Wait(half).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(Rows(), ElementsAre(1, 3));
}

TEST_F(GroupCommitTest, AFailedChangeThatIsAloneLeavesNothing) {
  EXPECT_TRUE(commits_->Wait(Insert(1)).ok());
  const auto half = commits_->Add([this] {
    EXPECT_TRUE(database_->Execute("INSERT INTO t VALUES (7, '')").ok());
    return database_->Execute("INSERT INTO t VALUES (1, '')");
  });
  EXPECT_EQ(commits_->Wait(half).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(Rows(), ElementsAre(1));
  EXPECT_TRUE(commits_->Wait(Insert(2)).ok());
}

TEST_F(GroupCommitTest, ACommitThatFailsFailsForAllOfIt) {
  // Deferred constraints are looked at by COMMIT: it fails, nobody else does.
  ASSERT_TRUE(database_
                  ->Execute("CREATE TABLE child (n REFERENCES t (n) "
                            "DEFERRABLE INITIALLY DEFERRED)")
                  .ok());
  const auto good = Insert(1);
  const auto orphan = commits_->Add(
      [this] { return database_->Execute("INSERT INTO child VALUES (99)"); });
  EXPECT_FALSE(commits_->Wait(good).ok());
  EXPECT_FALSE(commits_->Wait(orphan).ok());
  EXPECT_THAT(Rows(), ElementsAre());
  EXPECT_TRUE(commits_->Wait(Insert(1)).ok());
  EXPECT_THAT(Rows(), ElementsAre(1));
}

TEST_F(GroupCommitTest, AFullDiskIsToldToTheOnesItMet) {
  ASSERT_TRUE(database_->Execute("PRAGMA max_page_count = 8").ok());
  const auto large = Insert(1, 1 << 20);
  EXPECT_EQ(commits_->Wait(large).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(Rows(), ElementsAre());
  EXPECT_TRUE(commits_->Wait(Insert(2)).ok());
}

TEST_F(GroupCommitTest, WhoComesDuringACommitSharesTheNext) {
  absl::Notification in_commit;
  absl::Notification go_on;
  const auto slow = commits_->Add([&] {
    in_commit.Notify();
    go_on.WaitForNotification();
    return database_->Execute("INSERT INTO t VALUES (0, '')");
  });
  std::thread leader([&] { EXPECT_TRUE(commits_->Wait(slow).ok()); });
  in_commit.WaitForNotification();
  std::vector<GroupCommit::Ticket> tickets;
  for (int number = 1; number <= 8; ++number) {
    tickets.push_back(Insert(number));  // does not wait for the slow one
  }
  std::vector<std::thread> followers;
  for (const auto& ticket : tickets) {
    followers.emplace_back(
        [this, ticket] { EXPECT_TRUE(commits_->Wait(ticket).ok()); });
  }
  EXPECT_THAT(Rows(), ElementsAre());
  go_on.Notify();
  leader.join();
  for (std::thread& follower : followers) follower.join();
  EXPECT_THAT(Rows(), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8));
}

TEST_F(GroupCommitTest, ManyThreadsLoseNothing) {
  constexpr int kThreads = 8;
  constexpr int kEach = 50;
  std::atomic<int> failed = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kEach; ++i) {
        const int number = thread * kEach + i;
        if (!commits_->Wait(Insert(number)).ok()) ++failed;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(Rows().size(), size_t{kThreads * kEach});
}

}  // namespace
}  // namespace halfpipe
