#include "common/data/metadata_rows.h"
#include "common/data/temporary_folder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

std::string ErrorOf(absl::string_view clips, absl::string_view captions) {
  return std::string(RowsOfLists(clips, captions, "videos.txt", "prompts.txt")
                         .status()
                         .message());
}

TEST(CaptionListsTest, NamesThatAreLookedFor) {
  TemporaryFolder folder;
  EXPECT_FALSE(FindCaptionLists(folder.path()));
  folder.Write("videos.txt", "a.mp4\n");
  EXPECT_FALSE(FindCaptionLists(folder.path()));
  folder.Write("prompt.txt", "x\n");
  const auto lists = FindCaptionLists(folder.path());
  ASSERT_TRUE(lists);
  EXPECT_EQ(lists->clips, "videos.txt");
  EXPECT_EQ(lists->captions, "prompt.txt");
  // The caption of a clip that is called so is no list.
  folder.Write("videos.mp4", "x");
  EXPECT_FALSE(FindCaptionLists(folder.path()));
}

TEST(CaptionListsTest, LinesBelongTogether) {
  const auto rows = RowsOfLists(
      "\xEF\xBB\xBF"
      "a.mp4\r\n\r\nb.mp4\n\n",
      "one \n \n two\n", "videos.txt", "prompts.txt");
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_EQ(rows->size(), 2u);
  EXPECT_EQ((*rows)[0].cells.at("file_name"), "a.mp4");
  EXPECT_EQ((*rows)[0].cells.at("prompt"), "one");
  EXPECT_EQ((*rows)[1].cells.at("prompt"), "two");
  EXPECT_EQ((*rows)[1].line, 3);
}

// A line too few would give every clip behind it another's caption.
TEST(CaptionListsTest, ListsThatDoNotFitAreRefused) {
  EXPECT_THAT(ErrorOf("a.mp4\nb.mp4\n", "one\n"),
              HasSubstr("videos.txt: has 2 lines, and prompts.txt has 1"));
  EXPECT_THAT(ErrorOf("a.mp4\nb.mp4\nc.mp4", "one\n\nthree\n"),
              HasSubstr("prompts.txt:2: is blank"));
  EXPECT_THAT(ErrorOf("a.mp4\n\nc.mp4", "one\ntwo\nthree\n"),
              HasSubstr("videos.txt:2: is blank"));
  EXPECT_THAT(ErrorOf("a.mp4", "caf\xE9"),
              HasSubstr("prompts.txt:1: is not UTF-8: 'caf\\xE9'"));
}

}  // namespace
}  // namespace halfpipe
