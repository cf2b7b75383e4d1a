#include "common/data/metadata_rows.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

using Rows = std::vector<MetadataRow>;

Rows Json(absl::string_view text) {
  const auto rows = RowsOfJson(text, "m.json");
  EXPECT_TRUE(rows.ok()) << rows.status();
  return rows.ok() ? *rows : Rows{};
}

Rows Lines(absl::string_view text) {
  const auto rows = RowsOfJsonLines(text, "m.jsonl");
  EXPECT_TRUE(rows.ok()) << rows.status();
  return rows.ok() ? *rows : Rows{};
}

std::string ErrorOf(absl::string_view text) {
  return std::string(RowsOfJson(text, "m.json").status().message());
}

TEST(MetadataJsonTest, AMappingOfFilesToCaptions) {
  const Rows rows = Json(
      "{\n\"b.mp4\": [\"one\", \"two\"],\n\"a.mp4\": \"three\",\n"
      "\"c.mp4\": {\"caption\": \"four\", \"tags\": \"x\"},\n"
      "\"d.mp4\": 5,\n\"e.mp4\": []}");
  ASSERT_EQ(rows.size(), 6u);
  EXPECT_EQ(rows[0].cells.at("file_name"), "b.mp4");  // in the file's order
  EXPECT_EQ(rows[0].cells.at("caption"), "one");
  EXPECT_FALSE(rows[0].shares_clip);
  EXPECT_EQ(rows[1].cells.at("caption"), "two");
  EXPECT_TRUE(rows[1].shares_clip);
  EXPECT_EQ(rows[2].cells.at("file_name"), "a.mp4");
  EXPECT_EQ(rows[2].line, 3);
  EXPECT_EQ(rows[3].cells.at("caption"), "four");
  EXPECT_EQ(rows[4].others.at("caption"), "a number");
  EXPECT_THAT(rows[5].problem, HasSubstr("captions of e.mp4 is empty"));
}

TEST(MetadataJsonTest, WhatIsNoTextIsNamedByItsKind) {
  const Rows rows = Lines(
      "{\"video\": [\"a.mp4\"], \"prompt\": null, \"n\": 1, \"o\": {}, "
      "\"t\": true}");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].others,
            (std::map<std::string, std::string>{{"video", "a list"},
                                                {"prompt", "null"},
                                                {"n", "a number"},
                                                {"o", "an object"},
                                                {"t", "true or false"}}));
}

TEST(MetadataJsonTest, AByteOrderMarkIsSkipped) {
  EXPECT_EQ(Json("\xEF\xBB\xBF[{\"video\": \"a.mp4\"}]").size(), 1u);
  EXPECT_EQ(Lines("\xEF\xBB\xBF{\"video\": \"a.mp4\"}\r\n").size(), 1u);
}

TEST(MetadataJsonTest, ListsAndLinesAreReadAsWhatTheyAre) {
  EXPECT_EQ(Lines("[{\"video\": \"a.mp4\"}, {\"video\": \"b.mp4\"}]").size(),
            2u);
  EXPECT_EQ(Lines("[\n{\"video\": \"a.mp4\"}\n]\n").size(), 1u);
  EXPECT_EQ(Json("{\"video\": \"a.mp4\"}\n{\"video\": \"b.mp4\"}\n").size(),
            2u);
  EXPECT_EQ(Json("{\"video\": \"a.mp4\", \"prompt\": \"x\"}").size(), 1u);
}

TEST(MetadataJsonTest, ADocumentInAFileOfLinesHasOneProblem) {
  const auto said_of = [](absl::string_view text) {
    return std::string(RowsOfJsonLines(text, "m.jsonl").status().message());
  };
  EXPECT_EQ(Lines("{\n\"video\": \"a.mp4\",\n\"prompt\": \"x\"\n}").size(), 1u);
  EXPECT_EQ(Lines("{\"a.mp4\": \"x\",\n \"b.mp4\": \"y\"\n}").size(), 2u);
  std::string objects;
  std::string list = "[\n";
  std::string cut;
  for (int i = 0; i < 828; ++i) {
    objects += "{\n \"video\": \"a.mp4\"\n}\n";
    list += "{\"video\": \"a.mp4\"},\n";
    cut += "{\"video\": \"a.mp4\"},\n";
  }
  EXPECT_THAT(said_of(objects), HasSubstr("m.jsonl:4: is not valid JSON"));
  EXPECT_THAT(said_of(list + "]"),
              HasSubstr("m.jsonl:830: is not valid JSON: a comma before"));
  EXPECT_THAT(said_of(cut), HasSubstr("m.jsonl:1: is not valid JSON"));
  // A line that is broken is one of many.
  EXPECT_EQ(Lines("{\"video\": }\n{\"video\": \"a.mp4\"}\n").size(), 2u);
}

TEST(MetadataJsonTest, AKeyThatStandsTwiceIsAProblemOfItsRow) {
  const Rows rows = Json(
      "[{\"prompt\": \"a\"}, 7, {\"prompt\": \"a\", \"prompt\": \"b\"},\n"
      " {\"x\": {\"prompt\": 1}, \"prompt\": \"c\"}]");
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[0].problem, "");
  EXPECT_THAT(rows[1].problem, HasSubstr("expected an object, found a number"));
  EXPECT_EQ(rows[2].problem, "has the key 'prompt' twice: remove one");
  EXPECT_EQ(rows[3].problem, "");
  EXPECT_EQ(Lines("{\"a\": 1, \"a\": 2}")[0].problem,
            "has the key 'a' twice: remove one");
  const Rows files =
      Json("{\"a.mp4\": \"x\", \"b.mp4\": \"y\", \"a.mp4\": \"z\"}");
  ASSERT_EQ(files.size(), 3u);
  EXPECT_EQ(files[2].problem, "has the key 'a.mp4' twice: remove one");
}

TEST(MetadataJsonTest, BrokenTextsSayWhatAndWhere) {
  EXPECT_EQ(ErrorOf("[{\"a\": 1},\n {\"b\": 2},\n]\n"),
            "m.json:3: is not valid JSON: a comma before the closing ']'; "
            "remove it");
  EXPECT_EQ(ErrorOf("[{\"a\": 1"),
            "m.json:1: is not valid JSON: it ends too early");
  EXPECT_THAT(ErrorOf("[{\"prompt\": \"a \\ud83d cat\"}]"),
              HasSubstr("m.json:1: is not valid JSON: "));
  EXPECT_THAT(ErrorOf("[{\"a\": 1},\n {\"prompt\": NaN}]"),
              HasSubstr("m.json:2: is not valid JSON: NaN is Python's missing "
                        "value"));
  EXPECT_THAT(Lines("{\"prompt\": NaN}")[0].problem,
              HasSubstr("NaN is Python's missing value"));
  EXPECT_LT(ErrorOf("[\"" + std::string(1 << 20, 'x') + "\\q\"]").size(),
            2000u);
  EXPECT_THAT(ErrorOf("7"), HasSubstr("expected a list of objects, found a "
                                      "number"));
  EXPECT_THAT(Lines("{\"prompt\": \"a \\ud83d cat\"}")[0].problem,
              HasSubstr("is not valid JSON"));
}

TEST(MetadataJsonTest, TheCardOfADataSetIsUnrelated) {
  const auto rows =
      RowsOfJson("{\"repo\": \"me/clips\", \"tags\": [\"a\"]}", "m.json");
  EXPECT_TRUE(IsUnrelatedJson(rows.status()));
  EXPECT_THAT(std::string(rows.status().message()),
              HasSubstr("an object whose keys name no clip"));
  EXPECT_FALSE(IsUnrelatedJson(RowsOfJson("[", "m.json").status()));
  EXPECT_THAT(
      ErrorOf("{\"n\": 1, \"data\": [{\"video\": \"a.mp4\", \"prompt\": "
              "\"x\"}]}"),
      HasSubstr("keep nothing but the list that is under 'data'"));
}

}  // namespace
}  // namespace halfpipe
