#include "common/store/strict_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/common/store/scratch_folder.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(StrictJsonTest, ParsesWhatItShould) {
  auto value =
      ParseStrictJson(R"( {"a": [1, -2, 3.5, {"b": null}], "c": "x"} )", 3);
  ASSERT_TRUE(value.ok()) << value.status();
  EXPECT_EQ(value->dump(), R"({"a":[1,-2,3.5,{"b":null}],"c":"x"})");
}

TEST(StrictJsonTest, RefusesAKeyGivenTwice) {
  auto value = ParseStrictJson(R"({"a": {"k": 1}, "b": {"k": 1, "k": 2}})", 4);
  EXPECT_TRUE(absl::IsInvalidArgument(value.status()));
  EXPECT_THAT(MessageOf(value.status()),
              HasSubstr("the key 'k' is given twice"));
}

TEST(StrictJsonTest, RefusesMoreDepthThanAllowed) {
  EXPECT_TRUE(ParseStrictJson("[[1]]", 2).ok());
  EXPECT_FALSE(ParseStrictJson("[[[1]]]", 2).ok());
  EXPECT_FALSE(ParseStrictJson(std::string(1 << 20, '['), 16).ok());
}

TEST(StrictJsonTest, RefusesWhatIsNoJson) {
  for (const char* text :
       {"", "{", "{\"a\"}", "[1,]", "{} x", "1e999", "\"\xff\"", "nul"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseStrictJson(text, 4).status()))
        << text;
  }
}

TEST(StrictJsonTest, SaysInPlainWordsWhatIsWrongWhere) {
  const auto said_of = [](const char* text) {
    return MessageOf(ParseStrictJson(text, 4).status());
  };
  EXPECT_EQ(said_of(" \n"), "not valid JSON: it is empty");
  EXPECT_EQ(said_of("{\n\"a\": \"caf\xe9\"}"),
            "not valid JSON: line 2 is not UTF-8");
  EXPECT_EQ(said_of("{\n\"a\": 1\n"),
            "not valid JSON: it ends too early, in line 3");
  EXPECT_EQ(said_of("{\n\"a\": [1,]}"),
            "not valid JSON: line 2, column 9: nothing of JSON may stand "
            "there");
  EXPECT_EQ(said_of("{} x"),
            "not valid JSON: line 1, column 4: nothing of JSON may stand "
            "there");
  for (const char* text : {"nul", "1e999", "\"\\ud83d\"", "{\"a\"}"}) {
    EXPECT_THAT(said_of(text), Not(HasSubstr("exception"))) << text;
  }
}

TEST(AsCountTest, TakesWholeNonNegativeNumbers) {
  EXPECT_EQ(AsCount(ParseStrictJson("7", 1).value()), 7);
  EXPECT_EQ(AsCount(ParseStrictJson("9223372036854775807", 1).value()),
            INT64_MAX);
  for (const char* text : {"-1", "1.0", "\"1\"", "true", "null",
                           "9223372036854775808", "99999999999999999999"}) {
    EXPECT_EQ(AsCount(ParseStrictJson(text, 1).value()), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace halfpipe
