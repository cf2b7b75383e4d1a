#include "common/base/host_memory.h"

#include <filesystem>
#include <string>

#include "common/base/file.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

class HostMemoryTest : public ::testing::Test {
 protected:
  HostMemoryTest()
      : root_(::testing::TempDir() + "/host_memory_" +
              ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove_all(root_);
    Write("/proc/meminfo",
          "MemTotal: 9 kB\nMemAvailable:   4096 kB\nX: 1 kB\n");
  }

  ~HostMemoryTest() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) {
    const std::filesystem::path full = root_ + path;
    ASSERT_TRUE(MakeDirectories(full.parent_path().string()).ok());
    ASSERT_TRUE(WriteFileAtomically(full.string(), text).ok());
  }

  const std::string root_;
};

TEST_F(HostMemoryTest, WithoutGroupsItIsWhatTheKernelSays) {
  EXPECT_EQ(AvailableHostBytes(root_), 4096 * 1024);
}

TEST_F(HostMemoryTest, TheTightestGroupCounts) {
  Write("/proc/self/cgroup", "0::/user/job\n");
  Write("/sys/fs/cgroup/user/job/memory.max", "max\n");
  EXPECT_EQ(AvailableHostBytes(root_), 4096 * 1024);
  Write("/sys/fs/cgroup/user/memory.max", "2000000\n");
  EXPECT_EQ(AvailableHostBytes(root_), 2000000);
  Write("/sys/fs/cgroup/user/job/memory.max", "1000000\n");
  EXPECT_EQ(AvailableHostBytes(root_), 1000000);
}

TEST_F(HostMemoryTest, TheRootGroupOfAContainerCounts) {
  Write("/proc/self/cgroup", "0::/\n");
  Write("/sys/fs/cgroup/memory.max", "3000000\n");
  EXPECT_EQ(AvailableHostBytes(root_), 3000000);
}

TEST_F(HostMemoryTest, VersionOneHasAHierarchyForMemory) {
  Write("/proc/self/cgroup", "5:cpuset:/a\n7:cpu,memory:/a\n");
  Write("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "500000\n");
  EXPECT_EQ(AvailableHostBytes(root_), 500000);
}

TEST_F(HostMemoryTest, WhatAGroupHoldsIsGoneButCachedFilesAreNot) {
  Write("/proc/self/cgroup", "0::/job\n");
  Write("/sys/fs/cgroup/job/memory.max", "3000000\n");
  Write("/sys/fs/cgroup/job/memory.stat",
        "anon 1000000\nfile 900000\nshmem 200000\nanon_thp 5\n");
  EXPECT_EQ(AvailableHostBytes(root_), 1800000);
  Write("/sys/fs/cgroup/job/memory.stat", "anon 4000000\n");
  EXPECT_EQ(AvailableHostBytes(root_), 1);  // known: nothing
  Write("/proc/self/cgroup", "7:memory:/a\n");
  Write("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "500000\n");
  Write("/sys/fs/cgroup/memory/a/memory.stat", "rss 7\ntotal_rss 100000\n");
  EXPECT_EQ(AvailableHostBytes(root_), 400000);
}

TEST_F(HostMemoryTest, AKernelThatDoesNotSayGivesNone) {
  EXPECT_EQ(AvailableHostBytes(root_ + "/nowhere"), 0);
  Write("/proc/meminfo", "MemTotal: 9 kB\n");
  EXPECT_EQ(AvailableHostBytes(root_), 0);
}

TEST(HostMemoryOfThisMachineTest, IsThere) {
  EXPECT_GT(AvailableHostBytes(), 1 << 20);
}

}  // namespace
}  // namespace halfpipe
