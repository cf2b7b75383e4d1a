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

TEST(MetadataRowsTest, FilesThatAreNotOfTheirFormat) {
  EXPECT_THAT(
      ParseMetadataRows("[1,\n2,\n", "m.json").status().message().data(),
      HasSubstr("m.json:3: is not valid JSON"));
  EXPECT_FALSE(ParseMetadataRows("{}", "m.json").ok());
  EXPECT_FALSE(ParseMetadataRows("", "m.csv").ok());
  EXPECT_FALSE(ParseMetadataRows("", "m.xlsx").ok());
}

}  // namespace
}  // namespace halfpipe
