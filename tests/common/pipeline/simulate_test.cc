#include "common/pipeline/simulate.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "coordinator/run/warmup.h"

namespace halfpipe::pipeline {
namespace {

SegmentTable TwoStages() { return SegmentTable::ForStages(2).value(); }

Simulation SimulateNominal(ScheduleName name, int32_t microbatches,
                           Warmup warmup, double transfer_seconds = 0.0) {
  ScheduleOptions options;
  options.name = name;
  options.microbatches = microbatches;
  options.warmup = warmup;
  CostModel costs = NominalCosts(TwoStages());
  costs.transfer_seconds = transfer_seconds;
  return Simulate(TwoStages(), BuildSchedule(options).value().ranks, costs)
      .value();
}

// The figures of the design: forward 1, backward 3, head 0.03 and 0.06.
TEST(SimulateTest, MakespansOfTheDesign) {
  const auto makespan = [](ScheduleName name, Warmup warmup) {
    return SimulateNominal(name, 8, warmup).makespan_seconds;
  };
  EXPECT_NEAR(makespan(ScheduleName::kSequential, {}), 64.72, 1e-9);
  EXPECT_NEAR(makespan(ScheduleName::kOneFOneB, {2, 1}), 42.72, 1e-9);
  EXPECT_NEAR(makespan(ScheduleName::kOneFOneB, {3, 2}), 36.36, 1e-9);
  EXPECT_NEAR(makespan(ScheduleName::kGpipe, {}), 36.0, 1e-9);
}

// A step cannot be shorter than (M + S - 1) of a stage's forward and backward.
TEST(SimulateTest, MoreStagesAreFilledToo) {
  for (int stages : {3, 4}) {
    for (ScheduleName name : {ScheduleName::kOneFOneB, ScheduleName::kGpipe}) {
      const ScheduleOptions options = {
          .name = name, .microbatches = 8, .stages = stages};
      const SegmentTable table = TableOf(options).value();
      const Simulation simulation =
          Simulate(table, BuildSchedule(options).value().ranks,
                   NominalCosts(table))
              .value();
      const double least = (8.0 + stages - 1.0) * 8.0 / stages;
      EXPECT_GE(simulation.makespan_seconds, least - 1e-9);
      EXPECT_LE(simulation.makespan_seconds, 1.02 * least);
      ASSERT_EQ(simulation.busy_seconds.size(), static_cast<size_t>(stages));
    }
  }
}

// Seconds and idle share of a step, with a backward of so many forwards.
Simulation SimulateOptions(const ScheduleOptions& options, double backward,
                           double transfer) {
  const SegmentTable table = TableOf(options).value();
  CostModel costs = NominalCosts(table);
  for (int32_t s = 0; s < table.head().value(); ++s) {
    SegmentCost& segment = costs.segments[static_cast<size_t>(s)];
    segment.backward_seconds = backward * segment.forward_seconds;
  }
  costs.transfer_seconds = transfer;
  return Simulate(table, BuildSchedule(options)->ranks, costs).value();
}

TEST(SimulateTest, TwoChunksAStageIdleLess) {
  for (double backward : {2.0, 3.0}) {
    for (double transfer : {0.0, 0.02}) {
      for (int32_t m : {2, 3, 4, 5, 6, 8, 12, 16, 32, 64}) {
        SCOPED_TRACE(absl::StrCat("M=", m, " backward ", backward, " transfer ",
                                  transfer));
        const ScheduleOptions plain = {.microbatches = m};
        const ScheduleOptions options = {.name = ScheduleName::kInterleaved,
                                         .microbatches = m};
        ScheduleOptions free = options;
        free.live_chunks = 24;
        const Simulation simulation =
            SimulateOptions(options, backward, transfer);
        const double makespan = simulation.makespan_seconds;
        EXPECT_LT(makespan,
                  SimulateOptions(plain, backward, transfer).makespan_seconds);
        EXPECT_LE(
            makespan,
            1.03 * SimulateOptions(free, backward, transfer).makespan_seconds);
        if (m == 8) {
          EXPECT_LT(simulation.bubble_ratio, 0.08);
        }
        // Four chunks halve once more what each rank waits for; where that is
        // little, or an odd number is left over, they may lose a little.
        ScheduleOptions four = options;
        four.chunks = 4;
        four.live_chunks = LiveChunks(4);
        const double shorter =
            SimulateOptions(four, backward, transfer).makespan_seconds;
        EXPECT_LE(shorter, 1.04 * makespan);
        if (m == 4 || m == 8) {
          EXPECT_LT(shorter, 0.99 * makespan);
        }
      }
    }
  }
}

TEST(SimulateTest, BusyAndBubbleLeaveWaitsOut) {
  const Simulation simulation =
      SimulateNominal(ScheduleName::kSequential, 8, {});
  ASSERT_EQ(simulation.busy_seconds.size(), 2u);
  EXPECT_NEAR(simulation.busy_seconds[0], 8 * 4.09, 1e-9);
  EXPECT_NEAR(simulation.busy_seconds[1], 8 * 4.0, 1e-9);
  EXPECT_NEAR(simulation.bubble_ratio, 1.0 - (8.09 * 8) / (2 * 64.72), 1e-9);
}

TEST(SimulateTest, ASlowWireCostsTime) {
  EXPECT_NEAR(
      SimulateNominal(ScheduleName::kSequential, 2, {}, 0.5).makespan_seconds,
      2 * (8.09 + 4 * 0.5), 1e-9);
  EXPECT_LT(SimulateNominal(ScheduleName::kOneFOneB, 16, {4, 2}, 0.05)
                .makespan_seconds,
            1.02 * SimulateNominal(ScheduleName::kOneFOneB, 16, {4, 2})
                       .makespan_seconds);
}

TEST(SimulateTest, ActionsOfOneLaneNeverOverlap) {
  const Simulation simulation =
      SimulateNominal(ScheduleName::kOneFOneB, 8, {3, 2}, 0.2);
  for (const auto& list : simulation.timeline) {
    double compute_end = 0.0;
    for (const TimedAction& timed : list) {
      if (timed.action.op != Op::kForward && timed.action.op != Op::kBackward) {
        continue;
      }
      EXPECT_GE(timed.start_seconds, compute_end);
      compute_end = timed.end_seconds;
    }
  }
}

TEST(SimulateTest, ADeadlockNamesWhereEachRankWaits) {
  const ActionLists lists =
      ParseText({"0F0 2RF0 2F0 2B0 2SB0 0SF0 0RB0 0B0 NORM STEP",
                 "1RF0 1F0 1SF0 1RB0 1B0 1SB0 NORM STEP"})
          .value();
  absl::StatusOr<Simulation> simulation =
      Simulate(TwoStages(), lists, NominalCosts(TwoStages()));
  ASSERT_TRUE(absl::IsInvalidArgument(simulation.status()));
  EXPECT_NE(simulation.status().message().find("2RF0"),
            absl::string_view::npos);
  EXPECT_NE(simulation.status().message().find("1RF0"),
            absl::string_view::npos);
}

TEST(WarmupTest, NominalCostsNeedThreeAndTwo) {
  const CostModel costs = NominalCosts(TwoStages());
  EXPECT_EQ(ChooseWarmup(8, costs, 3).value(), (Warmup{3, 2}));
  EXPECT_EQ(ChooseWarmup(8, costs, 1).value(), (Warmup{1, 1}));
  EXPECT_EQ(ChooseWarmup(1, costs, 0).value(), (Warmup{1, 1}));
}

TEST(WarmupTest, MoreMemoryBuysADeeperAndFasterStep) {
  const CostModel costs = NominalCosts(TwoStages());
  const Warmup bounded = ChooseWarmup(16, costs, 3).value();
  const Warmup free = ChooseWarmup(16, costs, 0).value();
  EXPECT_EQ(bounded, (Warmup{3, 2}));
  EXPECT_LT(
      SimulateNominal(ScheduleName::kOneFOneB, 16, free).makespan_seconds,
      SimulateNominal(ScheduleName::kOneFOneB, 16, bounded).makespan_seconds);
}

}  // namespace
}  // namespace halfpipe::pipeline
