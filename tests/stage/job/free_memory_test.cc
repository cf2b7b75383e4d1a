#include "stage/job/free_memory.h"

#include "gtest/gtest.h"

namespace halfpipe {
namespace {

TEST(FreeMemoryTest, WhatThisProcessHoldsIsNotTakenByOthers) {
  const DeviceShares before = {.free_bytes = 1000, .own_bytes = 0};
  EXPECT_EQ(ChangeByOthers(before, {300, 700}, 50), 0);
  // Libraries that were loaded since are its own as well, up to a point.
  EXPECT_EQ(ChangeByOthers(before, {260, 700}, 50), 0);
  EXPECT_EQ(ChangeByOthers(before, {100, 700}, 50), -150);
}

TEST(FreeMemoryTest, WhatOthersGiveBackIsThereToBeUsed) {
  EXPECT_EQ(ChangeByOthers({100, 0}, {900, 0}, 50), 800);
}

TEST(FreeMemoryTest, ACpuStageKnowsItsHostAlone) {
  const FreeMemoryWatch watch("cpu");
  EXPECT_GT(watch.Read().host_available_bytes, 0);
  EXPECT_EQ(watch.Read().device_change_bytes, 0);
}

}  // namespace
}  // namespace halfpipe
