#include "coordinator/api/heap.h"

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

// What this process has of memory that is no file's.
int64_t AnonymousKib() {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (!absl::StartsWith(line, "RssAnon:")) continue;
    const std::vector<std::string> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    int64_t kib = 0;
    if (absl::SimpleAtoi(words.at(1), &kib)) return kib;
  }
  return -1;
}

TEST(HeapTrimmerTest, GivesBackWhatLiesBelowWhatIsUsed) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer has a heap of its own";
#endif
  ShareHeaps();
  std::vector<std::string> blocks;
  for (int i = 0; i < 8192; ++i) blocks.emplace_back(8192, 'x');  // 64 MiB
  const std::string last = blocks.back() + "!";
  std::vector<std::string>().swap(blocks);
  const int64_t kept = AnonymousKib();

  HeapTrimmer trimmer;
  const absl::Time now = absl::UnixEpoch();
  EXPECT_TRUE(trimmer.Tick(now));
  EXPECT_LT(AnonymousKib(), kept - 48 * 1024) << last.size();

  EXPECT_FALSE(trimmer.Tick(now + HeapTrimmer::kEvery / 2));
  EXPECT_TRUE(trimmer.Tick(now + HeapTrimmer::kEvery));
}

}  // namespace
}  // namespace halfpipe
