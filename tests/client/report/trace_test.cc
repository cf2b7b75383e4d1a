#include "client/report/trace.h"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>

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
  bool sent = false;
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
    if (event["args"]["action"] == "1RF0") {
      EXPECT_EQ(event["tid"], 1);
      EXPECT_EQ(event["name"], "receive activation 0");
    }
    if (event["args"]["action"] == "0SF0") {
      sent = true;
      EXPECT_EQ(event["tid"], 3);
      EXPECT_EQ(event["name"], "send activation 0");
    }
  }
  EXPECT_TRUE(found);
  EXPECT_TRUE(sent);
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

TEST(TraceTest, EachTrackHasANameAndAPlace) {
  const std::vector<TimedAction> actions = {
      {ParseAction("0F0").value(), 0.0, 1.0}};
  const auto json = nlohmann::json::parse(TraceJson({{"", 0.0, {actions}}}));
  std::map<int, std::string> names;
  std::map<int, int> places;
  for (const auto& event : json["traceEvents"]) {
    if (event["name"] == "thread_name") {
      names[event["tid"]] = event["args"]["name"];
    }
    if (event["name"] == "thread_sort_index") {
      places[event["args"]["sort_index"]] = event["tid"];
    }
  }
  EXPECT_EQ(names,
            (std::map<int, std::string>{
                {0, "compute"}, {1, "receive"}, {2, "step"}, {3, "send"}}));
  EXPECT_EQ(places, (std::map<int, int>{{0, 2}, {1, 0}, {2, 3}, {3, 1}}));
}

TEST(TraceTest, ANameCannotBreakTheJson) {
  const auto json = nlohmann::json::parse(TraceJson(
      {{"\"}],<script>", 0.0, {{{ParseAction("0F0").value(), 0.0, 1.0}}}}}));
  EXPECT_EQ(json["traceEvents"].back()["name"], "0F0");
}

}  // namespace
}  // namespace halfpipe::pipeline
