#include "coordinator/store/log_checkpointer.h"

#include <filesystem>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

constexpr int64_t kPageBytes = 4096;

class LogCheckpointerTest : public ::testing::Test {
 protected:
  LogCheckpointerTest() {
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
    writer_ = std::make_unique<SqliteDatabase>(*SqliteDatabase::Open(path_));
    EXPECT_TRUE(writer_->Execute("CREATE TABLE t (n INTEGER, pad BLOB)").ok());
  }

  void Observe(int64_t pages) {
    log_ = std::make_unique<LogCheckpointer>(
        writer_.get(), *SqliteDatabase::OpenReader(path_), pages);
  }

  // Each in a transaction of its own; two pages or more each.
  void Insert(int rows) {
    for (int row = 0; row < rows; ++row) {
      ASSERT_TRUE(
          writer_->Execute("INSERT INTO t VALUES (1, zeroblob(6000))").ok());
    }
  }

  int64_t Count() {
    auto reader = SqliteDatabase::OpenReader(path_);
    auto query = reader->Prepare("SELECT count(*) FROM t");
    return *query->Step() ? query->Int(0) : -1;
  }

  int64_t PagesIn(const std::string& path) const {
    return static_cast<int64_t>(std::filesystem::file_size(path)) / kPageBytes;
  }

  const std::string directory_ = ::testing::TempDir() + "/log_checkpointer";
  const std::string path_ = directory_ + "/t.db";
  std::unique_ptr<SqliteDatabase> writer_;
  std::unique_ptr<LogCheckpointer> log_;
};

TEST_F(LogCheckpointerTest, CopiesBesideTheWriterOnceTheLogIsLong) {
  Observe(60);
  Insert(10);
  absl::SleepFor(absl::Milliseconds(50));
  EXPECT_LE(PagesIn(path_), 2);  // too short to be worth it
  Insert(40);
  const absl::Time deadline = absl::Now() + absl::Seconds(10);
  while (PagesIn(path_) < 20 && absl::Now() < deadline) {
    absl::SleepFor(absl::Milliseconds(5));
  }
  EXPECT_GE(PagesIn(path_), 20);
  EXPECT_EQ(Count(), 50);
}

TEST_F(LogCheckpointerTest, TheLogBeginsAnewUnderAWriterThatNeverRests) {
  Observe(30);
  Insert(200);
  EXPECT_LE(PagesIn(path_ + "-wal"), 300);
  EXPECT_GE(PagesIn(path_), 100);
  EXPECT_EQ(Count(), 200);
}

TEST_F(LogCheckpointerTest, WithoutOneTheLogGrows) {
  writer_->ObserveLog([](int64_t) {});
  Insert(200);
  EXPECT_GE(PagesIn(path_ + "-wal"), 400);
}

TEST_F(LogCheckpointerTest, EndsWhileItIsAtWork) {
  for (int round = 0; round < 10; ++round) {
    Observe(1);
    Insert(3);
    log_.reset();
  }
  Insert(1);
  EXPECT_EQ(Count(), 31);
}

}  // namespace
}  // namespace halfpipe
