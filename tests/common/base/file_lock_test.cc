#include "common/base/file_lock.h"

#include <unistd.h>

#include <filesystem>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

TEST(FileLockTest, IsExclusiveAndReleased) {
  const std::string path = ::testing::TempDir() + "/file_lock_test";
  std::filesystem::remove(path);
  {
    const auto first = FileLock::Acquire(path);
    ASSERT_TRUE(first.ok()) << first.status();
    const auto second = FileLock::Acquire(path);
    EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(second.status().message(),
                HasSubstr("(process " + std::to_string(getpid()) + ")"));
  }
  EXPECT_TRUE(FileLock::Acquire(path).ok());
}

TEST(FileLockTest, AFolderIsLockedAndNothingIsLeftInIt) {
  const std::string path = ::testing::TempDir() + "/file_lock_folder";
  std::filesystem::remove_all(path);
  EXPECT_EQ(FileLock::AcquireFolder(path).status().code(),
            absl::StatusCode::kNotFound);
  std::filesystem::create_directory(path);
  {
    const auto first = FileLock::AcquireFolder(path);
    ASSERT_TRUE(first.ok()) << first.status();
    EXPECT_EQ(FileLock::AcquireFolder(path).status().code(),
              absl::StatusCode::kFailedPrecondition);
  }
  EXPECT_TRUE(FileLock::AcquireFolder(path).ok());
  EXPECT_TRUE(std::filesystem::is_empty(path));
}

TEST(FileLockTest, AFolderThatIsNotThereIsNamed) {
  const auto lock = FileLock::Acquire("/no/such/folder/lock");
  EXPECT_EQ(lock.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(lock.status().message(), HasSubstr("/no/such/folder/lock"));
}

}  // namespace
}  // namespace halfpipe
