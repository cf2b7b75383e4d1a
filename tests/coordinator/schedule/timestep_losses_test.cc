#include "coordinator/schedule/timestep_losses.h"

#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(TimestepLossesTest, BandsAreEqualPartsOfWhatIsTrained) {
  // Without a shift a place is a timestep: 1000 to 0, in bands of 250.
  TimestepLosses losses({.shift = 1.0}, 4);
  EXPECT_THAT(losses.Averages(), IsEmpty());
  losses.Add({1000, 751, 500, 1}, {1.0, 1.0, 3.0, 4.0});
  EXPECT_THAT(losses.Averages(),
              ElementsAre(Pair(125, 4.0), Pair(375, 3.0), Pair(875, 1.0)));
}

TEST(TimestepLossesTest, TheHighNoiseExpertHasBandsOfItsOwn) {
  // [0, 0.358) with shift 5 is 1000 down to 900: wide bands would be one.
  TimestepLosses losses({.max_boundary = 0.358, .shift = 5.0}, 5);
  losses.Add({999, 980, 905}, {1.0, 2.0, 3.0});
  EXPECT_EQ(losses.Averages().size(), 3u);
  for (const auto& [timestep, loss] : losses.Averages()) {
    EXPECT_GT(timestep, 895);
    EXPECT_LE(timestep, 1000);
  }
}

TEST(TimestepLossesTest, TheAverageFollowsAndSkipsWhatIsNoNumber) {
  TimestepLosses losses({.shift = 1.0}, 1);
  losses.Add({500}, {1.0});
  losses.Add({500}, {std::numeric_limits<double>::quiet_NaN()});
  EXPECT_THAT(losses.Averages(), ElementsAre(Pair(500, 1.0)));
  for (int i = 0; i < 200; ++i) losses.Add({500}, {2.0});
  EXPECT_NEAR(losses.Averages().at(500), 2.0, 1e-3);
}

TEST(TimestepLossesTest, AScheduleThatIsNoneHasNoBands) {
  TimestepLosses losses({.min_boundary = 0.5, .max_boundary = 0.5}, 5);
  losses.Add({500}, {1.0});
  EXPECT_THAT(losses.Averages(), IsEmpty());
}

}  // namespace
}  // namespace halfpipe
