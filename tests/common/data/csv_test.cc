#include "absl/strings/ascii.h"
#include "common/base/file.h"
#include "common/data/metadata_rows.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Rows = std::vector<std::vector<std::string>>;

Rows FieldsOf(absl::string_view text) {
  Rows rows;
  for (const CsvRecord& record : ParseCsv(text)) {
    EXPECT_EQ(record.problem, "") << text;
    rows.push_back(record.fields);
  }
  return rows;
}

TEST(CsvTest, QuotesCommasAndLineBreaks) {
  const auto records = ParseCsv(
      "\xEF\xBB\xBFvideo,prompt\r\n"
      "a.mp4,\"two, \"\"quoted\"\"\nlines\"\n"
      "\n"
      "b.mp4,");
  ASSERT_EQ(records.size(), 3u);
  EXPECT_THAT(records[0].fields, ElementsAre("video", "prompt"));
  EXPECT_THAT(records[1].fields,
              ElementsAre("a.mp4", "two, \"quoted\"\nlines"));
  EXPECT_EQ(records[1].line, 2);
  EXPECT_THAT(records[2].fields, ElementsAre("b.mp4", ""));
  EXPECT_EQ(records[2].line, 5);
}

// As spreadsheets and hands leave them; pandas reads the same with
// skipinitialspace (AsPandasReadsIt compares many).
TEST(CsvTest, BlanksAroundQuotesAreDroppedAndCommasInsideKept) {
  EXPECT_EQ(FieldsOf("a, \"b, c\" ,d\n"), (Rows{{"a", "b, c", "d"}}));
  EXPECT_EQ(FieldsOf("a,\t\"b, c\"\t\n"), (Rows{{"a", "b, c"}}));
  EXPECT_EQ(FieldsOf(" \" b \"  , c\n"), (Rows{{" b ", "c"}}));
  EXPECT_EQ(FieldsOf("a,b \"c\" d\n"), (Rows{{"a", "b \"c\" d"}}));
  EXPECT_EQ(FieldsOf("a, \"\" \n"), (Rows{{"a", ""}}));
}

// 600 files as people leave them, and what pandas reads of them
// (make_csv_golden.py).
TEST(CsvTest, AsPandasReadsIt) {
  const auto text = ReadFile("tests/common/data/golden/csv_cases.json");
  ASSERT_TRUE(text.ok()) << text.status();
  const nlohmann::json cases = nlohmann::json::parse(*text);
  ASSERT_EQ(cases.size(), 600u);
  for (const auto& golden : cases) {
    const auto file = golden.at("text").get<std::string>();
    Rows rows = FieldsOf(file);
    for (auto& row : rows) {
      for (std::string& field : row) absl::StripAsciiWhitespace(&field);
    }
    EXPECT_EQ(rows, golden.at("rows").get<Rows>()) << file;
  }
}

TEST(CsvTest, LinesMayEndInCarriageReturns) {
  const auto records = ParseCsv("a,b\r1,2\r\"x\ry\",4\r");
  ASSERT_EQ(records.size(), 3u);
  EXPECT_THAT(records[1].fields, ElementsAre("1", "2"));
  EXPECT_THAT(records[2].fields, ElementsAre("x\ry", "4"));
  EXPECT_EQ(records[2].line, 3);
}

TEST(CsvTest, LinesOfBlanksAreSkipped) {
  EXPECT_EQ(FieldsOf("a,b\n  \n\t\n1,2\n   "), (Rows{{"a", "b"}, {"1", "2"}}));
}

TEST(CsvTest, BrokenQuotesAreProblemsOfTheirRecord) {
  const auto records = ParseCsv("a,b\nx,\"b\"c\ny,d\n\"z");
  ASSERT_EQ(records.size(), 4u);
  EXPECT_EQ(records[1].problem,
            "text after a closing quote; double a quote that belongs to the "
            "text");
  EXPECT_EQ(records[1].line, 2);
  EXPECT_EQ(records[2].problem, "");
  EXPECT_EQ(records[3].problem, "a quote opens here and never closes");
}

TEST(CsvTest, ABackslashEscapesNothing) {
  const auto records = ParseCsv("a.mp4,\"the \\\"old\\\" bars\"\n");
  ASSERT_EQ(records.size(), 1u);
  EXPECT_THAT(records[0].problem, HasSubstr("(\"\", not \\\")"));
}

TEST(CsvTest, AQuoteThatClosesLinesLaterSaysWhereItOpened) {
  const auto records = ParseCsv("a.mp4,\"no end\nb.mp4,\"a dog\nc.mp4,x\n");
  ASSERT_EQ(records.size(), 2u);
  EXPECT_THAT(records[0].problem,
              HasSubstr("in line 2; it closes the one of line 1"));
  EXPECT_THAT(records[1].fields, ElementsAre("c.mp4", "x"));
}

TEST(CsvTest, OddTextsEnd) {
  EXPECT_TRUE(ParseCsv("").empty());
  EXPECT_TRUE(ParseCsv("\r\n\n").empty());
  EXPECT_EQ(ParseCsv(",")[0].fields.size(), 2u);
  EXPECT_EQ(ParseCsv("a\r").size(), 1u);
  EXPECT_EQ(ParseCsv("\"").size(), 1u);
}

}  // namespace
}  // namespace halfpipe
