#include "common/pipeline/trace.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace halfpipe::pipeline {
namespace {

TEST(TraceTest, EveryActionIsACompleteEventOnItsTrack) {
  const SegmentTable table = SegmentTable::ForStages(2).value();
  const Schedule schedule = BuildSchedule({}).value();
  CostModel costs = NominalCosts(table);
  costs.transfer_seconds = 0.25;
  const Simulation simulation = Simulate(table, schedule.ranks, costs).value();
  const auto json = nlohmann::json::parse(TraceJson(simulation.timeline));
  size_t complete = 0;
  bool found = false;
  for (const auto& event : json["traceEvents"]) {
    if (event["ph"] != "X") continue;
    ++complete;
    if (event["name"] == "1F0") {
      found = true;
      EXPECT_EQ(event["pid"], 1);
      EXPECT_EQ(event["tid"], 0);
      EXPECT_DOUBLE_EQ(event["ts"].get<double>(), 1.25e6);
      EXPECT_DOUBLE_EQ(event["dur"].get<double>(), 1e6);
    }
    if (event["name"] == "1RF0") {
      EXPECT_EQ(event["tid"], 1);
    }
  }
  EXPECT_TRUE(found);
  EXPECT_EQ(complete, schedule.ranks[0].size() + schedule.ranks[1].size());
}

}  // namespace
}  // namespace halfpipe::pipeline
