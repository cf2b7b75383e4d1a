#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "common/data/metadata.h"
#include "common/store/scratch_folder.h"

namespace halfpipe {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

TEST(SampleContentTest, EveryFileWithoutItsContentIsNamed) {
  ScratchFolder folder;
  folder.Write("metadata.csv",
               "video,prompt\na.mp4,a\nb.mp4,b\nc.mp4,c\nd.mp4,d\n");
  folder.Write("a.mp4", "a clip");
  folder.Write("b.mp4", "version https://git-lfs.github.com/spec/v1\n");
  folder.Write("c.mp4", "");
  folder.Write("d.mp4", "<html>404</html>");
  const absl::Status status =
      LoadSamplesWithContent({.root = folder.path(), .metadata = ""}).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(
      MessageOf(status),
      AllOf(HasSubstr("b.mp4 is a Git LFS pointer"),
            HasSubstr("\n" + folder.path()), HasSubstr("c.mp4 is empty"),
            HasSubstr("d.mp4 is a web page"), Not(HasSubstr("a.mp4"))));
  // Skipped where they are decoded.
  std::vector<std::string> missing;
  const auto samples = LoadSamplesWithContent(
      {.root = folder.path(), .metadata = "", .missing = &missing});
  ASSERT_TRUE(samples.ok()) << samples.status();
  EXPECT_THAT(*samples, SizeIs(4));
  EXPECT_THAT(missing, IsEmpty());
}

TEST(SampleContentTest, TheMetadatasProblemsAreLoadSamples) {
  EXPECT_TRUE(absl::IsNotFound(
      LoadSamplesWithContent({.root = "/nowhere", .metadata = ""}).status()));
}

}  // namespace
}  // namespace halfpipe
