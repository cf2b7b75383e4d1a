#include "client/demo/demo_clips.h"

#include <filesystem>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/store/scratch_folder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

TEST(DemoClipsTest, EachClipHasARowWithItsCaption) {
  const ScratchFolder scratch;
  ASSERT_TRUE(WriteDemoClips(scratch / "clips").ok());
  const std::string rows = ReadFile(scratch / "clips/metadata.csv").value();
  EXPECT_EQ(rows.substr(0, 13), "video,prompt\n");
  int number = 0;
  for (const std::string& caption : DemoCaptions()) {
    const std::string name = absl::StrCat("clip-", ++number, ".avi");
    EXPECT_THAT(rows,
                HasSubstr(absl::StrCat("\n", name, ",\"", caption, "\"")));
    EXPECT_TRUE(
        std::filesystem::exists(scratch / absl::StrCat("clips/", name)));
  }
  EXPECT_EQ(number, 6);
}

TEST(DemoClipsTest, ClipsDifferAndAreTheSameAgain) {
  const ScratchFolder scratch;
  ASSERT_TRUE(WriteDemoClips(scratch / "first").ok());
  ASSERT_TRUE(WriteDemoClips(scratch / "second").ok());
  std::set<std::string> contents;
  for (int i = 1; i <= 6; ++i) {
    const std::string name = absl::StrCat("/clip-", i, ".avi");
    const std::string content = ReadFile(scratch / ("first" + name)).value();
    EXPECT_EQ(ReadFile(scratch / ("second" + name)).value(), content);
    contents.insert(content);
  }
  EXPECT_EQ(contents.size(), 6u);
}

TEST(DemoClipsTest, AFileInTheFoldersPlaceIsAnError) {
  const ScratchFolder scratch;
  EXPECT_FALSE(WriteDemoClips(scratch.Write("clips", "text")).ok());
}

}  // namespace
}  // namespace halfpipe
