#include "common/pipeline/evaluation.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/pipeline/lower.h"
#include "common/pipeline/simulate.h"
#include "common/pipeline/validate.h"

namespace halfpipe::pipeline {
namespace {

TEST(EvaluationTest, TheListsOfTwoMicrobatches) {
  const Schedule schedule = BuildEvaluation({}, 2).value();
  EXPECT_EQ(ToText(schedule.ranks),
            (std::vector<std::string>{"0F0 0SF0 0F1 0SF1 2RF0 2F0 2RF1 2F1",
                                      "1RF0 1F0 1RF1 1SF0 1F1 1SF1"}));
  EXPECT_EQ(schedule.hash, ScheduleHash(schedule.ranks));
}

TEST(EvaluationTest, OneStageTakesThemOneByOne) {
  const Schedule schedule = BuildEvaluation({.stages = 1}, 2).value();
  EXPECT_EQ(ToText(schedule.ranks),
            (std::vector<std::string>{"0F0 1F0 2F0 0F1 1F1 2F1"}));
}

TEST(EvaluationTest, ThreeStagesHandThemOn) {
  const Schedule schedule = BuildEvaluation({.stages = 3}, 1).value();
  EXPECT_EQ(ToText(schedule.ranks),
            (std::vector<std::string>{"0F0 0SF0 3RF0 3F0", "1RF0 1F0 1SF0",
                                      "2RF0 2F0 2SF0"}));
}

TEST(EvaluationTest, MoreStagesRunToTheirEnd) {
  for (int stages : {3, 4}) {
    for (int32_t m : {1, 2, 5, 40}) {
      const ScheduleOptions options = {.stages = stages};
      const Schedule schedule = BuildEvaluation(options, m).value();
      const SegmentTable table = TableOf(options).value();
      EXPECT_TRUE(Simulate(table, schedule.ranks, NominalCosts(table)).ok());
      for (const RankUse& use : schedule.use) {
        EXPECT_LE(use.max_slots, table.segment_count());
      }
    }
  }
}

// Whatever the job's schedule is: the lists run to their end, the stages
// overlap, nothing is live and only a few micro-batches are on their way.
TEST(EvaluationTest, RunsToItsEndWithAFewMicrobatchesOnTheirWay) {
  for (ScheduleName name :
       {ScheduleName::kOneFOneB, ScheduleName::kGpipe,
        ScheduleName::kSequential, ScheduleName::kInterleaved}) {
    for (int32_t m : {1, 2, 3, 40}) {
      SCOPED_TRACE(absl::StrCat(ToString(name), " M=", m));
      const ScheduleOptions options = {.name = name};
      const Schedule schedule = BuildEvaluation(options, m).value();
      const SegmentTable table = TableOf(options).value();
      const Simulation simulation =
          Simulate(table, schedule.ranks, NominalCosts(table)).value();
      EXPECT_GT(simulation.makespan_seconds, 0.0);
      for (const RankUse& use : schedule.use) {
        EXPECT_EQ(use.max_live, 0);
        EXPECT_LE(use.max_slots, table.segment_count());
      }
      if (m == 40) {
        EXPECT_LT(simulation.bubble_ratio, 0.1);
      }
    }
  }
}

std::string ErrorOf(const std::string& rank0, const std::string& rank1) {
  const SegmentTable table = SegmentTable::ForStages(2).value();
  const auto use = Validate(table, 1, ParseText({rank0, rank1}).value(), 0,
                            ListKind::kEvaluation);
  return use.ok() ? "" : std::string(use.status().message());
}

TEST(EvaluationTest, StepsAndEvaluationsAreNotTakenForEachOther) {
  constexpr char kRank1[] = "1RF0 1F0 1SF0";
  EXPECT_EQ(ErrorOf("0F0 0SF0 2RF0 2F0", kRank1), "");
  EXPECT_NE(ErrorOf("0F0 0SF0 2RF0 2F0 2B0", kRank1).find("2B0"),
            std::string::npos);
  EXPECT_NE(ErrorOf("0F0 0SF0 2RF0 2F0 STEP", kRank1)
                .find("STEP has no place in an evaluation"),
            std::string::npos);
  EXPECT_NE(ErrorOf("0F0 0SF0 2RF0", kRank1).find("2F0 is missing"),
            std::string::npos);
  const Schedule evaluation = BuildEvaluation({}, 1).value();
  EXPECT_FALSE(
      Validate(SegmentTable::ForStages(2).value(), 1, evaluation.ranks).ok());
}

TEST(EvaluationTest, NeedsAMicrobatchAndKnownStages) {
  EXPECT_FALSE(BuildEvaluation({}, 0).ok());
  EXPECT_FALSE(BuildEvaluation({.stages = 0}, 1).ok());
}

}  // namespace
}  // namespace halfpipe::pipeline
