#include "common/net/descriptors.h"

#include <sys/resource.h>

#include "gtest/gtest.h"

namespace halfpipe {
namespace {

// Each in a process of its own: the limits are the process'.
TEST(DescriptorsTest, TheLimitIsRaisedToWhatItMayBe) {
  EXPECT_EXIT(
      {
        const rlimit low = {.rlim_cur = 100, .rlim_max = 1000};
        setrlimit(RLIMIT_NOFILE, &low);
        RaiseDescriptorLimit();
        rlimit now = {};
        getrlimit(RLIMIT_NOFILE, &now);
        _exit(now.rlim_cur == 1000 ? 0 : 1);
      },
      ::testing::ExitedWithCode(0), "");
}

TEST(DescriptorsTest, SomeAreKeptForFiles) {
  for (const auto& [limit, first] :
       {std::pair<rlim_t, int64_t>(1000, 744), {300, 150}}) {
    EXPECT_EXIT(
        {
          const rlimit low = {.rlim_cur = limit, .rlim_max = limit};
          setrlimit(RLIMIT_NOFILE, &low);
          _exit(FirstReservedDescriptor() == first ? 0 : 1);
        },
        ::testing::ExitedWithCode(0), "");
  }
}

}  // namespace
}  // namespace halfpipe
