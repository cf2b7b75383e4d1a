#include "common/data/metadata_columns.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

TEST(MetadataColumnsTest, ColumnsOfOtherTrainers) {
  EXPECT_EQ(ColumnsProblem({"video", "prompt"}), "");            // DiffSynth
  EXPECT_EQ(ColumnsProblem({"image", "prompt"}), "");            // DiffSynth
  EXPECT_EQ(ColumnsProblem({"video_path", "caption"}), "");      // musubi
  EXPECT_EQ(ColumnsProblem({"image_path", "caption"}), "");      // musubi
  EXPECT_EQ(ColumnsProblem({"file_name", "text"}), "");          // datasets
  EXPECT_EQ(ColumnsProblem({"file_path", "text", "type"}), "");  // VideoX-Fun
  EXPECT_EQ(ColumnsProblem({"", "video", "prompt"}), "");  // pandas' index
}

TEST(MetadataColumnsTest, MissingColumns) {
  EXPECT_THAT(ColumnsProblem({"clip", "words"}),
              HasSubstr("no column names the clips (columns: clip, words); "
                        "expected video or image"));
  EXPECT_THAT(ColumnsProblem({"video", "words"}),
              HasSubstr("no column holds the captions"));
  EXPECT_EQ(ColumnsProblem({"Video", "Prompt"}),
            "column names have small letters here: write 'Video' and 'Prompt' "
            "as video and prompt");
}

TEST(MetadataColumnsTest, FilesByHuggingFacesNames) {
  EXPECT_EQ(ColumnsProblem({"video_file_name", "text"}), "");
  EXPECT_EQ(ColumnsProblem({"image_file_name", "text"}), "");
}

TEST(MetadataColumnsTest, HeadersOfOtherKinds) {
  EXPECT_EQ(HeaderProblem({"video", "prompt"}, "video,prompt"), "");
  EXPECT_THAT(HeaderProblem({"video;prompt"}, "video;prompt"),
              HasSubstr("separated by semicolons; expected commas"));
  EXPECT_THAT(HeaderProblem({"Video;Prompt"}, "Video;Prompt"),
              HasSubstr("separated by semicolons"));
  EXPECT_THAT(HeaderProblem({"a.mp4;a cat", " black"}, "a.mp4;a cat, black"),
              HasSubstr("separated by semicolons"));
  EXPECT_THAT(HeaderProblem({"video\tprompt"}, "video\tprompt"),
              HasSubstr("separated by tabs"));
  EXPECT_THAT(HeaderProblem({"video|prompt"}, "\"video\"|\"prompt\""),
              HasSubstr("separated by bars"));
  EXPECT_THAT(
      HeaderProblem({"video\xEF\xBC\x8Cprompt"}, "video\xEF\xBC\x8Cprompt"),
      HasSubstr("separated by full-width commas"));
  EXPECT_EQ(HeaderProblem({"sep=", ""}, "sep=,"),
            "the line 'sep=,' is for spreadsheets alone: remove it");
  EXPECT_THAT(HeaderProblem({"a.mp4", "a cat"}, "a.mp4,a cat"),
              HasSubstr("has no header: its first line names a.mp4"));
  EXPECT_THAT(HeaderProblem({"video", "prompt", "prompt"}, ""),
              HasSubstr("the column 'prompt' is there twice"));
}

TEST(MetadataColumnsTest, ColumnsThatNobodyMisses) {
  EXPECT_TRUE(IsBookkeepingColumn("Unnamed: 0"));
  EXPECT_TRUE(IsBookkeepingColumn("fps"));
  EXPECT_TRUE(IsBookkeepingColumn("type"));
  EXPECT_FALSE(IsBookkeepingColumn("input_image"));
  EXPECT_FALSE(IsBookkeepingColumn("control_video"));
}

}  // namespace
}  // namespace halfpipe
