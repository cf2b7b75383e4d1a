#include "coordinator/api/disk_space.h"

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(DiskSpaceTest, AFolderThatIsToBeMadeCountsByItsParent) {
  const auto readings =
      ReadDiskSpace({{"output", ::testing::TempDir() + "/not/there/yet"},
                     {"state", ::testing::TempDir()}});
  ASSERT_THAT(readings, SizeIs(2));
  EXPECT_EQ(readings[0].name, "halfpipe_disk_free_bytes");
  EXPECT_EQ(readings[0].labels.at("kind"), "output");
  EXPECT_EQ(readings[1].labels.at("kind"), "state");
  EXPECT_GT(readings[0].value, 0.0);
}

TEST(DiskSpaceTest, TheLeastOfAKindCounts) {
  // /proc has no room at all.
  const auto readings =
      ReadDiskSpace({{"output", ::testing::TempDir()}, {"output", "/proc"}});
  ASSERT_THAT(readings, SizeIs(1));
  EXPECT_EQ(readings[0].value, 0.0);
}

TEST(DiskSpaceTest, NothingIsSaidOfAFolderThatIsNone) {
  EXPECT_THAT(ReadDiskSpace({{"cache", ""}}), IsEmpty());
  EXPECT_THAT(ReadDiskSpace({}), IsEmpty());
}

TEST(DiskSpaceTest, TheGaugeIsInTheText) {
  MetricsRegistry registry;
  const DiskSpaceGauges gauges(&registry, [] {
    return std::vector<std::pair<std::string, std::string>>{{"state", "/"}};
  });
  std::string text;
  for (int i = 0; i < 1000 && text.empty(); ++i) {
    absl::SleepFor(absl::Milliseconds(5));
    text = registry.Text();
  }
  EXPECT_THAT(text, HasSubstr("halfpipe_disk_free_bytes{kind=\"state\"} "));
}

}  // namespace
}  // namespace halfpipe
