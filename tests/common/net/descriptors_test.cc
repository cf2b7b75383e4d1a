#include <sys/resource.h>
#include <unistd.h>

#include "common/net/connection_budget.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

// Both in processes of their own: the limits are the process'.
void ExitByRaisedLimit() {
  const rlimit low = {.rlim_cur = 100, .rlim_max = 1000};
  setrlimit(RLIMIT_NOFILE, &low);
  RaiseDescriptorLimit();
  rlimit now = {};
  getrlimit(RLIMIT_NOFILE, &now);
  _exit(now.rlim_cur == 1000 ? 0 : 1);
}

TEST(DescriptorsTest, TheLimitIsRaisedToWhatItMayBe) {
  EXPECT_EXIT(ExitByRaisedLimit(), ::testing::ExitedWithCode(0), "");
}

// Exits with 0 if a process of so many has this budget.
void ExitByBudget(rlim_t limit, int64_t scarce, int64_t reserved) {
  const rlimit low = {.rlim_cur = limit, .rlim_max = limit};
  setrlimit(RLIMIT_NOFILE, &low);
  const DescriptorBudget budget = GetDescriptorBudget();
  _exit(budget.first_scarce == scarce && budget.first_reserved == reserved ? 0
                                                                           : 1);
}

TEST(DescriptorsTest, SomeAreKeptForFiles) {
  EXPECT_EXIT(ExitByBudget(1000, 744, 872), ::testing::ExitedWithCode(0), "");
  EXPECT_EXIT(ExitByBudget(300, 150, 225), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace halfpipe
