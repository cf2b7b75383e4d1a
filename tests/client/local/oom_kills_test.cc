#include <filesystem>
#include <optional>
#include <string>

#include "client/local/supervisor.h"
#include "common/base/file.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

class OomKillsTest : public ::testing::Test {
 protected:
  OomKillsTest()
      : root_(::testing::TempDir() + "/oom_kills_" +
              ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove_all(root_);
  }

  ~OomKillsTest() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) {
    const std::filesystem::path full = root_ + path;
    ASSERT_TRUE(MakeDirectories(full.parent_path().string()).ok());
    ASSERT_TRUE(WriteFileAtomically(full.string(), text).ok());
  }

  const std::string root_;
};

TEST_F(OomKillsTest, AKernelThatDoesNotSayIsNotAZero) {
  EXPECT_EQ(OomKills(root_), std::nullopt);
  Write("/proc/self/cgroup", "0::/\n");
  EXPECT_EQ(OomKills(root_), std::nullopt);
  Write("/sys/fs/cgroup/memory.events", "low 0\nhigh 0\nmax 3\n");
  EXPECT_EQ(OomKills(root_), std::nullopt);
}

TEST_F(OomKillsTest, VersionTwo) {
  Write("/proc/self/cgroup", "0::/user/job\n");
  Write("/sys/fs/cgroup/user/job/memory.events",
        "low 0\noom 5\noom_kill 2\noom_group_kill 0\n");
  EXPECT_EQ(OomKills(root_), 2);
}

TEST_F(OomKillsTest, VersionOne) {
  Write("/proc/self/cgroup", "5:cpuset:/a\n7:cpu,memory:/a\n");
  Write("/sys/fs/cgroup/memory/a/memory.oom_control",
        "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n");
  EXPECT_EQ(OomKills(root_), 4);
}

}  // namespace
}  // namespace halfpipe
