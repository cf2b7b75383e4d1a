#include "common/base/file.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <thread>
#include <utility>

#include "common/base/digest.h"

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

TEST_F(FileTest, WhatIsNoFileIsNamedAndNotWaitedFor) {
  const std::string pipe = dir_ + "/pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  for (const absl::Status& status :
       {ReadFile(pipe).status(), ReadFileOrPipe(pipe, 10).status(),
        Sha256OfFile(pipe).status(), CopyFileAtomically(pipe, dir_ + "/d")}) {
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_EQ(status.message(), pipe + " is a named pipe, not a file");
  }
  EXPECT_EQ(ReadFile("/dev/zero").status().message(),
            "/dev/zero is a device, not a file");
  EXPECT_EQ(ReadFile(dir_).status().message(),
            dir_ + " is a folder, not a file");
  const int socket_fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
  const std::string name = dir_ + "/s";
  ASSERT_LT(name.size(), sizeof(address.sun_path));
  name.copy(address.sun_path, name.size());
  ASSERT_EQ(bind(socket_fd, reinterpret_cast<const sockaddr*>(&address),
                 sizeof(address)),
            0);
  EXPECT_EQ(ReadFile(name).status().message(),
            name + " is a socket, not a file");
  close(socket_fd);
}

TEST_F(FileTest, AShellsPipeIsReadToItsEnd) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  ASSERT_EQ(write(ends[1], "abc", 3), 3);
  const std::string path = "/dev/fd/" + std::to_string(ends[0]);
  std::thread writer([&] {
    usleep(50'000);
    EXPECT_EQ(write(ends[1], "def", 3), 3);
    close(ends[1]);
  });
  EXPECT_EQ(ReadFileOrPipe(path, 10).value(), "abcdef");
  writer.join();
  EXPECT_TRUE(absl::IsInvalidArgument(ReadFile(path).status()));
  close(ends[0]);
  EXPECT_EQ(ReadFileOrPipe("/dev/null", 10).value(), "");
  EXPECT_FALSE(ReadFileOrPipe("/dev/zero", 10).ok());
}

TEST_F(FileTest, OnlyWhatACopyLeftBehindIsRemoved) {
  const std::string target = dir_ + "/t";
  ASSERT_TRUE(WriteFileAtomically(dir_ + "/source", "whole").ok());
  for (const auto& [end, content] :
       {std::pair{".tmp.12.3", "who"}, std::pair{".tmp.12.4", "whole"},
        std::pair{".tmp.12.5", ""}, std::pair{".tmp.12.6", "other"},
        std::pair{".tmp.12.7", "whole and more"}, std::pair{".tmp.", ""},
        std::pair{".tmp.mine", ""}}) {
    ASSERT_TRUE(WriteFileAtomically(target + end, content).ok());
  }
  RemoveUnfinishedCopies(dir_ + "/source", target);
  EXPECT_EQ(EntryCount(), 5u);
  for (const char* stays : {".tmp.12.6", ".tmp.12.7", ".tmp.", ".tmp.mine"}) {
    EXPECT_TRUE(std::filesystem::exists(target + stays)) << stays;
  }
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
