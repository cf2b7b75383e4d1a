#include "client/report/trace.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/pipeline/cost_model.h"
#include "common/pipeline/schedule.h"
#include "common/pipeline/segment_table.h"
#include "common/pipeline/simulate.h"

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

TEST(TraceTest, StepsStandBehindOneAnother) {
  const std::vector<TimedAction> actions = {
      {ParseAction("0F0").value(), 0.0, 1.0},
      {ParseAction("0B0").value(), 1.5, 3.0}};
  const auto json = nlohmann::json::parse(
      TraceJson({{"step 41", 0.0, {actions}}, {"step 42", 10.0, {actions}}}));
  std::vector<double> backwards;
  for (const auto& event : json["traceEvents"]) {
    if (event["name"] == "0B0") backwards.push_back(event["ts"].get<double>());
    if (event["name"] != "step 42") continue;
    EXPECT_EQ(event["tid"], 2);
    EXPECT_DOUBLE_EQ(event["ts"].get<double>(), 10e6);
    EXPECT_DOUBLE_EQ(event["dur"].get<double>(), 3e6);
  }
  EXPECT_EQ(backwards, (std::vector<double>{1.5e6, 11.5e6}));
}

TEST(TraceTest, ANameCannotBreakTheJson) {
  const auto json = nlohmann::json::parse(TraceJson(
      {{"\"}],<script>", 0.0, {{{ParseAction("0F0").value(), 0.0, 1.0}}}}}));
  EXPECT_EQ(json["traceEvents"].back()["name"], "0F0");
}

}  // namespace
}  // namespace halfpipe::pipeline
