#include "stage/runtime/work_watch.h"

#include <gtest/gtest.h>

namespace halfpipe {
namespace {

const absl::Time kStart = absl::UnixEpoch();

WorkWatch MakeWatch() {
  return WorkWatch({.idle = absl::Seconds(10), .in_command = absl::Minutes(1)});
}

WorkPlace AtAction(int64_t action) {
  WorkPlace place;
  place.running = true;
  place.action_index = action;
  return place;
}

TEST(WorkWatchTest, AnActionMayTakeItsTime) {
  WorkWatch watch = MakeWatch();
  EXPECT_TRUE(watch.GetsOn(AtAction(1), kStart));
  EXPECT_TRUE(watch.GetsOn(AtAction(1), kStart + absl::Seconds(59)));
  EXPECT_FALSE(watch.GetsOn(AtAction(1), kStart + absl::Seconds(60)));
  // It ended after all.
  EXPECT_TRUE(watch.GetsOn(AtAction(2), kStart + absl::Seconds(61)));
  EXPECT_TRUE(watch.GetsOn(AtAction(2), kStart + absl::Seconds(120)));
  EXPECT_FALSE(watch.GetsOn(AtAction(2), kStart + absl::Seconds(121)));
}

TEST(WorkWatchTest, ALoadGetsOnByWhatItSays) {
  WorkWatch watch = MakeWatch();
  WorkPlace place = AtAction(-1);
  for (int tensors = 0; tensors < 5; ++tensors) {
    place.progress.done = tensors;
    EXPECT_TRUE(watch.GetsOn(place, kStart + tensors * absl::Seconds(50)));
  }
}

TEST(WorkWatchTest, AnIdleWorkerMustTurn) {
  WorkWatch watch = MakeWatch();
  WorkPlace place;
  EXPECT_TRUE(watch.GetsOn(place, kStart));
  EXPECT_FALSE(watch.GetsOn(place, kStart + absl::Seconds(10)));
  ++place.turns;
  EXPECT_TRUE(watch.GetsOn(place, kStart + absl::Seconds(11)));
}

}  // namespace
}  // namespace halfpipe
