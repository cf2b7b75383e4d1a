#include "common/data/metadata_rows.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

TEST(MetadataRowsTest, Csv) {
  auto rows = ParseMetadataRows("video, prompt\na.mp4,x\nb.mp4,y,z\n", "m.csv");
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_EQ(rows->size(), 2u);
  EXPECT_EQ((*rows)[0].cells.at("video"), "a.mp4");
  EXPECT_EQ((*rows)[0].cells.at("prompt"), "x");
  EXPECT_EQ((*rows)[1].line, 3);
  EXPECT_THAT((*rows)[1].problem, HasSubstr("expected 2 fields, found 3"));
}

TEST(MetadataRowsTest, JsonKnowsTheLineOfEachElement) {
  auto rows = ParseMetadataRows(
      "[\n  {\"video\": \"a]},.mp4\",\n   \"prompt\": \"x\"},\n\n"
      "  {\"video\": [\"no\", \"text\"], \"n\": {\"a\": [1, 2]}},\n  7\n]\n",
      "m.json");
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_EQ(rows->size(), 3u);
  EXPECT_EQ((*rows)[0].line, 2);
  EXPECT_EQ((*rows)[0].cells.at("video"), "a]},.mp4");
  EXPECT_EQ((*rows)[1].line, 5);
  EXPECT_TRUE((*rows)[1].cells.empty());
  EXPECT_EQ((*rows)[2].line, 6);
  EXPECT_THAT((*rows)[2].problem, HasSubstr("expected an object"));
}

TEST(MetadataRowsTest, JsonLines) {
  auto rows = ParseMetadataRows(
      "{\"video\": \"a.mp4\"}\n\n{broken\n{\"video\": \"b.mp4\"}", "m.jsonl");
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_EQ(rows->size(), 3u);
  EXPECT_EQ((*rows)[1].line, 3);
  EXPECT_THAT((*rows)[1].problem, HasSubstr("is not valid JSON"));
  EXPECT_EQ((*rows)[2].cells.at("video"), "b.mp4");
}

TEST(MetadataRowsTest, ANumberThatIsTooLargeIsAProblemOfItsRow) {
  auto rows =
      ParseMetadataRows("{\"seed\": 1e999}\n{\"video\": \"b.mp4\"}", "m.jsonl");
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_EQ(rows->size(), 2u);
  EXPECT_THAT((*rows)[0].problem, HasSubstr("1e999"));
  EXPECT_EQ((*rows)[1].cells.at("video"), "b.mp4");
  EXPECT_THAT(
      ParseMetadataRows("[{\"seed\": 1e999}]", "m.json").status().message(),
      HasSubstr("m.json: is not valid JSON"));
}

TEST(MetadataRowsTest, CsvAsSpreadsheetsLeaveIt) {
  auto rows = ParseMetadataRows(
      "video,prompt\n\na.mp4,x,,\n,\n,\nb.mp4\n"
      "c.mp4,\xE2\x80\x9C"
      "a card, moving\xE2\x80\x9D\nd.mp4,\"x\" y\n",
      "m.csv");
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_EQ(rows->size(), 4u);
  EXPECT_EQ((*rows)[0].line, 3);
  EXPECT_EQ((*rows)[0].problem, "");
  EXPECT_EQ((*rows)[1].cells.count("prompt"), 0u);
  EXPECT_THAT((*rows)[2].problem, HasSubstr("put straight quotes (\") around"));
  EXPECT_THAT((*rows)[3].problem, HasSubstr("text after a closing quote"));
}

// One problem, however many rows follow.
TEST(MetadataRowsTest, AWrongHeaderIsOneProblem) {
  const auto problem_of = [](const std::string& header) {
    std::string text = header + "\n";
    for (int i = 0; i < 828; ++i) text += "a.mp4;\"x, y\"\n";
    return std::string(ParseMetadataRows(text, "m.csv").status().message());
  };
  EXPECT_EQ(problem_of("video;prompt"),
            "m.csv:1: the fields are separated by semicolons; expected commas: "
            "save it as CSV with commas");
  EXPECT_THAT(problem_of("video\tprompt"), HasSubstr("m.csv:1: the fields are "
                                                     "separated by tabs"));
  EXPECT_THAT(problem_of("Video,Prompt"),
              HasSubstr("m.csv:1: column names have small letters here"));
  EXPECT_THAT(problem_of("clip-1.mp4,a test card"),
              HasSubstr("m.csv:1: has no header"));
  EXPECT_THAT(problem_of("video,prompt,prompt"),
              HasSubstr("m.csv:1: the column 'prompt' is there twice"));
  EXPECT_THAT(problem_of("\"video,prompt"), HasSubstr("m.csv:1: "));
}

TEST(MetadataRowsTest, OtherEncodings) {
  const auto problem_of = [](const std::string& text, const char* name) {
    return std::string(ParseMetadataRows(text, name).status().message());
  };
  EXPECT_THAT(problem_of("video,prompt\ncaf\xE9.mp4,a test card\n", "m.csv"),
              HasSubstr("m.csv:2: is not UTF-8: 'caf\\xE9.mp4,a test card'"));
  EXPECT_THAT(problem_of(std::string("\xFF\xFEv\0i\0", 6), "m.csv"),
              HasSubstr("m.csv: is UTF-16, not UTF-8"));
  EXPECT_THAT(problem_of("{\"video\": \"caf\xE9.mp4\"}", "m.jsonl"),
              HasSubstr("m.jsonl:1: is not UTF-8"));
  EXPECT_THAT(problem_of("[\n{\"video\": \"caf\xE9.mp4\"}]", "m.json"),
              HasSubstr("m.json:2: is not UTF-8"));
  EXPECT_THAT(
      problem_of(std::string("video,prompt\na.mp4,a \0cat\n", 25), "m.csv"),
      HasSubstr("m.csv:2: holds a NUL byte"));
  EXPECT_THAT(
      problem_of("version https://git-lfs.github.com/spec/v1\n", "m.csv"),
      HasSubstr("git lfs pull"));
}

TEST(MetadataRowsTest, ColumnsOfAllRows) {
  const auto rows = ParseMetadataRows(
      "{\"b\": \"x\", \"a\": 1}\n{\"c\": null, \"b\": \"y\"}\n", "m.jsonl");
  ASSERT_TRUE(rows.ok());
  EXPECT_THAT(ColumnsOf(*rows), ::testing::ElementsAre("b", "a", "c"));
}

TEST(MetadataRowsTest, FilesThatAreNotOfTheirFormat) {
  EXPECT_EQ(ParseMetadataRows("[{\"video\": \"a.mp4\"},\n", "m.csv")
                .status()
                .message(),
            "m.csv:1: is JSON, not CSV: rename it to .json, or to .jsonl if "
            "it has an object a line");
  EXPECT_THAT(
      std::string(
          ParseMetadataRows("<!DOCTYPE html>\n", "m.json").status().message()),
      HasSubstr("m.json: is a web page, not the file itself"));
  EXPECT_THAT(
      ParseMetadataRows("[1,\n2,\n", "m.json").status().message().data(),
      HasSubstr("m.json:3: is not valid JSON"));
  EXPECT_FALSE(ParseMetadataRows("{}", "m.json").ok());
  EXPECT_FALSE(ParseMetadataRows("", "m.csv").ok());
  EXPECT_FALSE(ParseMetadataRows("", "m.xlsx").ok());
}

}  // namespace
}  // namespace halfpipe
