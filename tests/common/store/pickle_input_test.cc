#include <gtest/gtest.h>

#include "common/store/pickle_machine.h"

namespace halfpipe {
namespace {

TEST(PickleInputTest, ReadsNumbers) {
  PickleInput input(absl::string_view("\x01\x02\xfb\xff\xff\xff\xfe\x05", 8));
  EXPECT_EQ(input.Unsigned(2).value(), 0x0201u);
  EXPECT_EQ(input.Signed(4).value(), -5);
  EXPECT_EQ(input.Signed(1).value(), -2);
  EXPECT_EQ(input.Signed(0).value(), 0);
  EXPECT_EQ(input.position(), 7u);
  EXPECT_FALSE(input.Unsigned(2).ok());
}

TEST(PickleInputTest, ReadsABigEndianDouble) {
  PickleInput input(absl::string_view("\x3f\xe0\0\0\0\0\0\0", 8));
  EXPECT_EQ(input.Double().value(), 0.5);
}

TEST(PickleInputTest, ReadsStringsAndLines) {
  PickleInput input("\x03one-two\nrest");
  EXPECT_EQ(input.String(1).value(), "one");
  EXPECT_EQ(input.Line().value(), "-two");
  EXPECT_FALSE(input.Line().ok());
}

TEST(PickleInputTest, BoundsStrings) {
  std::string long_text(PickleInput::kMaxStringBytes + 10, 'x');
  long_text.replace(0, 4, std::string("\x01\x00\x01\x00", 4));  // 65537
  EXPECT_FALSE(PickleInput(long_text).String(4).ok());
  EXPECT_FALSE(PickleInput(absl::string_view("\xff", 1)).String(1).ok());
}

}  // namespace
}  // namespace halfpipe
