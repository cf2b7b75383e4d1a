#include "common/base/file.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace halfpipe {
namespace {

class FileTest : public ::testing::Test {
 protected:
  std::string dir_ = ::testing::TempDir() + "/hp_file_test";

  void SetUp() override {
    std::filesystem::remove_all(dir_);
    ASSERT_TRUE(MakeDirectories(dir_).ok());
  }

  size_t EntryCount() const {
    return static_cast<size_t>(
        std::distance(std::filesystem::directory_iterator(dir_),
                      std::filesystem::directory_iterator()));
  }
};

TEST_F(FileTest, AtomicWriteReplacesTheWholeFile) {
  std::string path = dir_ + "/a";
  ASSERT_TRUE(WriteFileAtomically(path, "one, which is longer").ok());
  ASSERT_TRUE(WriteFileAtomically(path, "two").ok());
  EXPECT_EQ(ReadFile(path).value(), "two");
  EXPECT_EQ(EntryCount(), 1u);
}

TEST_F(FileTest, AnAbandonedWriterLeavesNothing) {
  {
    auto file = AtomicFile::Create(dir_ + "/b");
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE(file->Append("x", 1).ok());
  }
  EXPECT_EQ(EntryCount(), 0u);
}

TEST_F(FileTest, ReadNamesTheFileThatIsMissingOrTooLarge) {
  absl::Status missing = ReadFile(dir_ + "/none").status();
  EXPECT_TRUE(absl::IsNotFound(missing));
  EXPECT_NE(missing.message().find("/none"), std::string::npos);
  ASSERT_TRUE(WriteFileAtomically(dir_ + "/c", "12345").ok());
  EXPECT_TRUE(absl::IsResourceExhausted(ReadFile(dir_ + "/c", 4).status()));
}

TEST_F(FileTest, CommitDirectoryRefusesAnExistingTarget) {
  ASSERT_TRUE(MakeDirectories(dir_ + "/t").ok());
  ASSERT_TRUE(CommitDirectory(dir_ + "/t", dir_ + "/done").ok());
  ASSERT_TRUE(WriteFileAtomically(dir_ + "/done/f", "x").ok());
  ASSERT_TRUE(MakeDirectories(dir_ + "/t").ok());
  EXPECT_FALSE(CommitDirectory(dir_ + "/t", dir_ + "/done").ok());
  EXPECT_EQ(ReadFile(dir_ + "/done/f").value(), "x");
}

}  // namespace
}  // namespace halfpipe
