#include "common/plan/flow_match.h"

#include <gtest/gtest.h>

namespace halfpipe {
namespace {

// The check values of DiffSynth's schedule with shift 5.
TEST(FlowMatchTest, TableMatchesTheReference) {
  auto schedule = FlowMatchSchedule::Create({});
  ASSERT_TRUE(schedule.ok());
  const auto& table = schedule->table();
  EXPECT_FLOAT_EQ(table[0].timestep, 1000.0F);
  EXPECT_NEAR(table[999].timestep, 4.9801F, 1e-4);
  EXPECT_NEAR(table[358].sigma, 0.89966F, 1e-5);
  EXPECT_NEAR(table[417].sigma, 0.87485F, 1e-5);
  EXPECT_FLOAT_EQ(table[0].weight, 0.0F);
  EXPECT_NEAR(table[833].weight, 2.0764F, 1e-4);
  EXPECT_NEAR(table[100].weight, 0.1391F, 1e-4);
  EXPECT_NEAR(table[358].weight, 0.6333F, 1e-4);
  EXPECT_NEAR(table[500].weight, 1.0249F, 1e-4);
  EXPECT_NEAR(table[999].weight, 0.0319F, 1e-4);
}

TEST(FlowMatchTest, BoundariesSelectIndices) {
  auto high =
      FlowMatchSchedule::Create({.min_boundary = 0.0, .max_boundary = 0.358});
  ASSERT_TRUE(high.ok());
  EXPECT_EQ(high->At(0.0F).timestep, high->table()[0].timestep);
  EXPECT_EQ(high->At(0.99999994F).timestep, high->table()[357].timestep);
  auto low =
      FlowMatchSchedule::Create({.min_boundary = 0.358, .max_boundary = 1.0});
  ASSERT_TRUE(low.ok());
  EXPECT_EQ(low->At(0.0F).timestep, low->table()[358].timestep);
}

TEST(FlowMatchTest, PlainWeightingIsOne) {
  auto schedule =
      FlowMatchSchedule::Create({.weighting = TimestepWeighting::kNone});
  ASSERT_TRUE(schedule.ok());
  for (const FlowTimestep& entry : schedule->table()) {
    EXPECT_EQ(entry.weight, 1.0F);
  }
}

TEST(FlowMatchTest, EmptyRangeIsRefused) {
  EXPECT_TRUE(absl::IsInvalidArgument(
      FlowMatchSchedule::Create({.min_boundary = 0.5, .max_boundary = 0.5})
          .status()));
}

}  // namespace
}  // namespace halfpipe
