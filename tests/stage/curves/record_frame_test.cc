#include "stage/curves/record_frame.h"

#include <sstream>
#include <string>

#include "absl/strings/escaping.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

TEST(RecordFrameTest, HasLengthDataAndTheirChecksums) {
  EXPECT_EQ(absl::BytesToHexString(FrameRecord("abc")),
            "0300000000000000b099490e6162636e57f121");
  EXPECT_EQ(FrameRecord("abc").size(), 3u + kRecordFrameBytes);
}

TEST(RecordFrameTest, RecordsAreReadOneBehindTheOther) {
  std::istringstream in(FrameRecord("one") + FrameRecord("") +
                        FrameRecord(std::string(1000, 'x')));
  EXPECT_EQ(ReadRecord(in), "one");
  EXPECT_EQ(ReadRecord(in), "");
  EXPECT_EQ(ReadRecord(in), std::string(1000, 'x'));
  EXPECT_FALSE(ReadRecord(in).has_value());
}

TEST(RecordFrameTest, WhatIsCutOrChangedIsNoRecord) {
  const std::string whole = FrameRecord("a step's losses");
  for (size_t bytes = 0; bytes < whole.size(); ++bytes) {
    std::istringstream cut(whole.substr(0, bytes));
    EXPECT_FALSE(ReadRecord(cut).has_value()) << bytes;
    std::string changed = whole;
    changed[bytes] = static_cast<char>(changed[bytes] ^ 0x40);
    std::istringstream in(changed);
    EXPECT_FALSE(ReadRecord(in).has_value()) << bytes;
  }
}

}  // namespace
}  // namespace halfpipe
