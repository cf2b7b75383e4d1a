#include "common/data/read_log.h"

#include <algorithm>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;

TEST(ReadLogTest, LinesAreUtf8AndInOrder) {
  ReadLog log;
  EXPECT_TRUE(log.ok());
  log.Warn("b\xE9", "is odd");
  EXPECT_TRUE(log.ok());
  EXPECT_TRUE(log.ToStatus().ok());
  log.Problem("m.csv:2", "first\nof two");
  log.Problem("m.csv:1", "second");
  EXPECT_EQ(log.ToStatus().message(),
            "m.csv:2: first\\x0Aof two\nm.csv:1: second");
  EXPECT_THAT(log.Warnings(), ElementsAre("b\\xE9: is odd"));
}

TEST(ReadLogTest, OneProblemOfManyRowsIsToldTwentyTimes) {
  ReadLog log;
  for (int line = 2; line < 830; ++line) {
    log.Problem("m.csv:" + std::to_string(line), "has no prompt");
  }
  const std::string text(log.ToStatus().message());
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 20);
  EXPECT_THAT(
      text, ::testing::EndsWith("m.csv: and 808 more like it: has no prompt"));
}

TEST(ReadLogTest, AMessageHasAnEnd) {
  ReadLog log;
  log.Problem("m.csv:1", "x" + std::string(1 << 20, '\xE9'));
  EXPECT_LT(log.ToStatus().message().size(), 2000u);
  for (int i = 0; i < 5000; ++i) {
    log.Problem("m.csv", std::to_string(i) + ".mp4 does not exist");
  }
  const std::string text(log.ToStatus().message());
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1000);
  EXPECT_THAT(text, ::testing::EndsWith(": and 4001 more"));
}

}  // namespace
}  // namespace halfpipe
