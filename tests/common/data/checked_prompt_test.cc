#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/data/readable_text.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(CheckedPromptTest, TrimmedAndWithoutAMark) {
  ReadLog log;
  EXPECT_EQ(CheckedPrompt("\xEF\xBB\xBF a cat\r\n", "a.txt", &log), "a cat");
  EXPECT_TRUE(log.ok());
  EXPECT_THAT(log.Warnings(), IsEmpty());
}

TEST(CheckedPromptTest, WhatStandsInPlaceOfATextIsNone) {
  for (const char* text : {"", " \n", "\xFF\xFE", "caf\xE9", "[object Object]",
                           "\"\"", "{\\rtf1 a cat}", "PK\x03\x04 zip",
                           "404: Not Found", "<!DOCTYPE html><html></html>"}) {
    ReadLog log;
    EXPECT_EQ(CheckedPrompt(text, "a.txt", &log), "") << text;
    EXPECT_THAT(std::string(log.ToStatus().message()), HasSubstr("a.txt"));
  }
}

TEST(CheckedPromptTest, AnObjectIsReadWithAWarning) {
  ReadLog log;
  const std::string object = "{\"caption\": \"a cat\"}";
  EXPECT_EQ(CheckedPrompt(object, "a.txt", &log), object);
  EXPECT_TRUE(log.ok());
  EXPECT_THAT(log.Warnings(), ElementsAre(HasSubstr("a.txt")));
}

}  // namespace
}  // namespace halfpipe
