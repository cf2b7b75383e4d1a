#include <string>

#include "coordinator/store/job_storage_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::Lt;

std::string Varied(size_t bytes) {
  std::string text;
  uint32_t state = 1;
  while (text.size() < bytes) {
    state = state * 1664525 + 1013904223;
    text.push_back(static_cast<char>(state >> 24));
  }
  return text;
}

TEST(StoredBytesTest, GivesBackWhatItWasGiven) {
  for (const std::string& bytes :
       {std::string(), std::string("\x08\x01"), std::string(5000, 'x'),
        Varied(1023), Varied(300'000)}) {
    const auto back = FromStoredBytes(ToStoredBytes(bytes));
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(*back, bytes);
  }
}

TEST(StoredBytesTest, PacksWhatRepeatsItself) {
  EXPECT_THAT(ToStoredBytes(std::string(255'000, 'x')).size(), Lt(2000U));
  EXPECT_THAT(ToStoredBytes(Varied(10'000)).size(), Lt(10'030U));
}

TEST(StoredBytesTest, EveryOtherByteIsNoticed) {
  std::string long_run(3001, 'y');
  long_run.back() = 'z';
  for (const std::string& bytes : {std::string("\x08\x01\x10\x02"), long_run}) {
    const std::string stored = ToStoredBytes(bytes);
    for (size_t i = 0; i < stored.size(); ++i) {
      for (const char bit : {'\x01', '\x80'}) {
        std::string damaged = stored;
        damaged[i] = static_cast<char>(damaged[i] ^ bit);
        const auto back = FromStoredBytes(damaged);
        // The first byte may then look like an older version's message, which
        // a reader of messages refuses.
        EXPECT_FALSE(back.ok() && i > 0) << i;
        EXPECT_FALSE(back.ok() && *back == bytes) << i;
      }
      EXPECT_FALSE(FromStoredBytes(stored.substr(0, i)).ok() && i > 0) << i;
    }
  }
}

TEST(StoredBytesTest, AnOlderVersionsMessageIsReadAsItIs) {
  const std::string message = "\x0a\x01x";
  const auto back = FromStoredBytes(message);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, message);
}

}  // namespace
}  // namespace halfpipe
