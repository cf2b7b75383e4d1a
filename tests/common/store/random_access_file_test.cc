#include "common/store/random_access_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "tests/common/store/scratch_folder.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

TEST(RandomAccessFileTest, ReadsAnyPartFromAnyThread) {
  ScratchFolder scratch;
  std::string content;
  for (int i = 0; i < 4096; ++i) content.push_back(static_cast<char>(i * 7));
  auto file = RandomAccessFile::Open(scratch.Write("f", content)).value();
  EXPECT_EQ(file->size(), content.size());
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (size_t at = t; at + 64 < content.size(); at += 61) {
        EXPECT_EQ(file->ReadStringAt(at, 64).value(), content.substr(at, 64));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(RandomAccessFileTest, PastTheEndIsDataLoss) {
  ScratchFolder scratch;
  auto file = RandomAccessFile::Open(scratch.Write("f", "12345")).value();
  char buffer[8];
  EXPECT_TRUE(file->ReadAt(5, 0, buffer).ok());
  absl::Status status = file->ReadAt(3, 3, buffer);
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_THAT(MessageOf(status), HasSubstr("/f ends at byte 5"));
  EXPECT_TRUE(absl::IsDataLoss(file->ReadAt(UINT64_MAX, 2, buffer)));
  EXPECT_TRUE(absl::IsDataLoss(file->ReadStringAt(0, UINT64_MAX).status()));
}

TEST(RandomAccessFileTest, TheStampIsOfTheContent) {
  ScratchFolder scratch;
  const auto stamp = [](const std::string& path) {
    return RandomAccessFile::Open(path).value()->stamp();
  };
  const std::string path = scratch.Write("f", "12345");
  const std::string first = stamp(path);
  EXPECT_EQ(stamp(path), first);
  EXPECT_NE(stamp(scratch.Write("g", "12345")), first);
  // The clock of a file system may be coarse.
  std::filesystem::last_write_time(
      path, std::filesystem::last_write_time(path) + std::chrono::seconds(1));
  EXPECT_NE(stamp(path), first);
}

TEST(RandomAccessFileTest, OpensRegularFilesOnly) {
  ScratchFolder scratch;
  EXPECT_TRUE(
      absl::IsNotFound(RandomAccessFile::Open(scratch / "missing").status()));
  EXPECT_TRUE(
      absl::IsInvalidArgument(RandomAccessFile::Open(scratch.path()).status()));
}

}  // namespace
}  // namespace halfpipe
