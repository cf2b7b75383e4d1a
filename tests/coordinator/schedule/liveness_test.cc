#include "coordinator/schedule/liveness.h"

#include "gtest/gtest.h"

namespace halfpipe {
namespace {

TEST(LivenessTest, StartsServesAndStandsStill) {
  const absl::Time start = absl::FromUnixSeconds(1'000'000);
  Liveness liveness;
  EXPECT_EQ(liveness.Problem(start), "starting");
  liveness.Beat(start);
  EXPECT_EQ(liveness.Problem(start), "");
  EXPECT_EQ(liveness.Problem(start + absl::Seconds(9)), "");
  EXPECT_EQ(liveness.Problem(start + absl::Seconds(83)),
            "the coordinator has stood still for 1m23s");
  liveness.Beat(start + absl::Seconds(84));
  EXPECT_EQ(liveness.Problem(start + absl::Seconds(84)), "");
}

}  // namespace
}  // namespace halfpipe
