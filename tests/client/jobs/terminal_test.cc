#include "client/jobs/terminal.h"

#include <string>

#include "gtest/gtest.h"

namespace halfpipe {
namespace {

constexpr char kFox[] = "\xe7\x8b\x90";  // one wide character

TEST(TerminalTest, CountsWhatMayBeWideTwice) {
  EXPECT_EQ(ShownColumns("clip.mp4"), 8);
  EXPECT_EQ(ShownColumns("\xc3\xa4"), 1);
  EXPECT_EQ(ShownColumns(std::string(kFox) + ".mp4"), 6);
  EXPECT_EQ(ShownColumns("\xff"), 1);
  EXPECT_EQ(ShownColumns(""), 0);
}

TEST(TerminalTest, CutsBetweenCharacters) {
  EXPECT_EQ(CutToColumns("clip.mp4", 8), "clip.mp4");
  EXPECT_EQ(CutToColumns("clip.mp4", 7), "clip...");
  EXPECT_EQ(CutToColumns(std::string(kFox) + kFox + kFox, 5),
            std::string(kFox) + "...");
  EXPECT_EQ(CutToColumns(std::string(kFox) + kFox, 3), kFox);
  EXPECT_EQ(CutToColumns("clip", 2), "cl");
  EXPECT_EQ(CutToColumns("clip", -1), "");
}

}  // namespace
}  // namespace halfpipe
