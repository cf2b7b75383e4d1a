#include "common/data/csv.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;

TEST(CsvTest, QuotesCommasAndLineBreaks) {
  auto records = ParseCsv(
      "\xEF\xBB\xBFvideo,prompt\r\n"
      "a.mp4,\"two, \"\"quoted\"\"\nlines\"\n"
      "\n"
      "b.mp4,");
  ASSERT_TRUE(records.ok()) << records.status();
  ASSERT_EQ(records->size(), 3u);
  EXPECT_THAT((*records)[0].fields, ElementsAre("video", "prompt"));
  EXPECT_THAT((*records)[1].fields,
              ElementsAre("a.mp4", "two, \"quoted\"\nlines"));
  EXPECT_EQ((*records)[1].line, 2);
  EXPECT_THAT((*records)[2].fields, ElementsAre("b.mp4", ""));
  EXPECT_EQ((*records)[2].line, 5);
}

TEST(CsvTest, BrokenQuotesAreErrorsWithALine) {
  EXPECT_EQ(ParseCsv("a\n\"b\nc").status().message(),
            "line 2: a quote opens here and never closes");
  EXPECT_EQ(ParseCsv("a\nx,\"b\"c\n").status().message(),
            "line 2: text after a closing quote; double a quote that belongs "
            "to the text");
}

TEST(CsvTest, OddTextsEnd) {
  EXPECT_TRUE(ParseCsv("")->empty());
  EXPECT_TRUE(ParseCsv("\r\n\n")->empty());
  EXPECT_EQ(ParseCsv(",")->at(0).fields.size(), 2u);
  EXPECT_EQ(ParseCsv("a\r")->size(), 1u);
}

}  // namespace
}  // namespace halfpipe
