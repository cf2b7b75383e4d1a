#include "common/jobs/recent_lines.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(RecentLinesTest, KeepsWhatIsWorthTelling) {
  RecentLines lines;
  lines.Add(LogLevel::kDebug, "noise");
  lines.Add(LogLevel::kInfo, "model loaded");
  lines.Add(LogLevel::kError, std::string(5000, 'x'));
  const std::vector<StageLine> taken = lines.Take();
  ASSERT_THAT(taken, SizeIs(2));
  EXPECT_EQ(taken[0].text, "model loaded");
  EXPECT_EQ(taken[1].level, LogLevel::kError);
  EXPECT_THAT(taken[1].text, SizeIs(RecentLines::kMostBytes));
  EXPECT_THAT(lines.Take(), IsEmpty());
}

TEST(RecentLinesTest, ALineBelongsToWhatRanWhenItWasLogged) {
  RecentLines lines;
  lines.Add(LogLevel::kInfo, "registered");
  lines.SetEpoch(Epoch(4));
  lines.Add(LogLevel::kError, "out of memory");
  lines.SetEpoch(Epoch(5));
  lines.Add(LogLevel::kInfo, "the next job");
  const std::vector<StageLine> taken = lines.Take();
  ASSERT_THAT(taken, SizeIs(3));
  EXPECT_EQ(taken[0].epoch, Epoch());
  EXPECT_EQ(taken[1].epoch, Epoch(4));
  EXPECT_EQ(taken[2].epoch, Epoch(5));
}

TEST(RecentLinesTest, WhatNobodyWasToldComesAgainFirst) {
  RecentLines lines;
  lines.Add(LogLevel::kInfo, "one");
  std::vector<StageLine> taken = lines.Take();
  lines.Add(LogLevel::kInfo, "two");
  lines.PutBack(std::move(taken));
  taken = lines.Take();
  ASSERT_THAT(taken, SizeIs(2));
  EXPECT_EQ(taken[0].text, "one");
  EXPECT_EQ(taken[1].text, "two");
}

TEST(RecentLinesTest, TheOldestGoAndAreCounted) {
  RecentLines lines;
  for (size_t i = 0; i < RecentLines::kMostLines + 3; ++i) {
    lines.Add(LogLevel::kInfo, absl::StrCat("line ", i));
  }
  const std::vector<StageLine> taken = lines.Take();
  ASSERT_THAT(taken, SizeIs(RecentLines::kMostLines + 1));
  EXPECT_EQ(taken[0].text, "3 lines are only in the stage's log");
  EXPECT_EQ(taken[1].text, "line 3");
  lines.Add(LogLevel::kInfo, "later");
  EXPECT_THAT(lines.Take(), SizeIs(1));
}

}  // namespace
}  // namespace halfpipe
