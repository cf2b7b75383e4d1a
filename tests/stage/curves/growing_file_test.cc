#include "stage/curves/growing_file.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <utility>

#include "common/base/file.h"
#include "gtest/gtest.h"
#include "tests/common/store/scratch_folder.h"

namespace halfpipe {
namespace {

class GrowingFileTest : public testing::Test {
 protected:
  ScratchFolder scratch_;
  const std::string path_ = scratch_ / "file";
};

TEST_F(GrowingFileTest, AppendsBehindWhatIsThere) {
  {
    auto file = GrowingFile::Open(path_);
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_TRUE(file->Append("one\n").ok());
    GrowingFile moved = *std::move(file);
    EXPECT_TRUE(moved.Append("two\n").ok());
    EXPECT_TRUE(moved.Sync().ok());
  }
  auto again = GrowingFile::Open(path_);
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->Append("three\n").ok());
  EXPECT_EQ(*ReadFile(path_), "one\ntwo\nthree\n");
}

TEST_F(GrowingFileTest, OfARecordThatFailsNothingStays) {
  auto file = GrowingFile::Open(path_);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(file->Append("0123456789").ok());

  // As on a full disk, the first bytes go in and the others do not.
  struct rlimit before {};

  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  struct rlimit tight = before;
  tight.rlim_cur = 15;
  const auto ignored = signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &tight), 0);
  const absl::Status failed = file->Append("0123456789");
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  signal(SIGXFSZ, ignored);
  EXPECT_FALSE(failed.ok());
  EXPECT_EQ(*ReadFile(path_), "0123456789");
  EXPECT_TRUE(file->Append("more").ok());
  EXPECT_EQ(*ReadFile(path_), "0123456789more");
}

TEST_F(GrowingFileTest, WhatIsNoFileOfItsOwnIsRefused) {
  scratch_.Write("theirs", "text");
  std::filesystem::create_symlink(scratch_ / "theirs", path_);
  EXPECT_TRUE(absl::IsInvalidArgument(GrowingFile::Open(path_).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(CutFile(path_, 0)));
  EXPECT_EQ(*ReadFile(scratch_ / "theirs"), "text");
  ASSERT_EQ(mkfifo((scratch_ / "pipe").c_str(), 0600), 0);
  EXPECT_FALSE(GrowingFile::Open(scratch_ / "pipe").ok());
}

TEST_F(GrowingFileTest, IsCutWhereItIsLonger) {
  scratch_.Write("file", "0123456789");
  EXPECT_TRUE(CutFile(path_, 20).ok());
  EXPECT_EQ(*ReadFile(path_), "0123456789");
  EXPECT_TRUE(CutFile(path_, 4).ok());
  EXPECT_EQ(*ReadFile(path_), "0123");
  EXPECT_TRUE(absl::IsNotFound(CutFile(scratch_ / "none", 0)));
}

}  // namespace
}  // namespace halfpipe
