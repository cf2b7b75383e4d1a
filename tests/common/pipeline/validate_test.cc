#include "common/pipeline/validate.h"

#include <gtest/gtest.h>

#include <string>

#include "common/pipeline/lower.h"

namespace halfpipe::pipeline {
namespace {

constexpr char kGood0[] = "0F0 0SF0 2RF0 2F0 2B0 2SB0 0RB0 0B0 NORM STEP";
constexpr char kGood1[] = "1RF0 1F0 1SF0 1RB0 1B0 1SB0 NORM STEP";

SegmentTable TwoStages() { return SegmentTable::ForStages(2).value(); }

std::string ErrorOf(const std::string& rank0, const std::string& rank1,
                    int32_t microbatches = 1, int32_t max_live = 0) {
  const ActionLists lists = ParseText({rank0, rank1}).value();
  absl::StatusOr<std::vector<RankUse>> use =
      Validate(TwoStages(), microbatches, lists, max_live);
  if (use.ok()) return "";
  EXPECT_TRUE(absl::IsInvalidArgument(use.status()));
  return std::string(use.status().message());
}

void ExpectError(const std::string& error, const std::string& part) {
  EXPECT_NE(error.find(part), std::string::npos) << error;
}

TEST(ValidateTest, AGoodStepReportsItsUse) {
  const ActionLists lists = ParseText({kGood0, kGood1}).value();
  const auto use = Validate(TwoStages(), 1, lists).value();
  RankUse first = {.max_live = 1,
                   .max_slots = 1,
                   .waiting = {.first = 0, .others = 1},
                   .moments = {{.chunk = 0, .live = {1}}}};
  RankUse second = first;
  second.waiting.first = 1;
  EXPECT_EQ(use, (std::vector<RankUse>{first, second}));
}

TEST(ValidateTest, TheErrorShowsTheStepsAndTheRanks) {
  const std::string error =
      ErrorOf("0F0 0SF0 2F0 2RF0 2B0 2SB0 0RB0 0B0 NORM STEP", kGood1);
  ExpectError(error, "rank 0, position 2: 2F0 comes before 2RF0");
  ExpectError(error, "  step  rank0     rank1");
  ExpectError(error, "     2  2F0       1SF0    <-- here, rank 0");
}

TEST(ValidateTest, AMissingActionIsNamed) {
  ExpectError(ErrorOf("0F0 0SF0 2RF0 2F0 2B0 2SB0 0RB0 NORM STEP", kGood1),
              "0B0 is missing");
  ExpectError(ErrorOf(kGood0, "1RF0 1F0 1SF0 1RB0 1B0 NORM STEP"),
              "1SB0 is missing");
}

TEST(ValidateTest, ASurplusActionIsNamed) {
  ExpectError(ErrorOf(kGood0, "1RF0 1F0 1F0 1SF0 1RB0 1B0 1SB0 NORM STEP"),
              "1F0 is there twice");
  ExpectError(ErrorOf(kGood0, "1RF0 1F0 0F0 1SF0 1RB0 1B0 1SB0 NORM STEP"),
              "0F0 does not belong on this rank");
  ExpectError(ErrorOf(kGood0, "1RF0 1F0 1F1 1SF0 1RB0 1B0 1SB0 NORM STEP"),
              "1F1 does not belong on this rank");
}

TEST(ValidateTest, NormAndStepComeLast) {
  ExpectError(ErrorOf("0F0 0SF0 2RF0 2F0 2B0 2SB0 0RB0 0B0 STEP", kGood1),
              "must end with NORM STEP");
  ExpectError(ErrorOf("0F0 0SF0 2RF0 2F0 2B0 2SB0 0RB0 NORM 0B0 STEP", kGood1),
              "must end with NORM STEP");
}

TEST(ValidateTest, BothRanksNeedOneOrderOfTransfers) {
  const std::string rank0 =
      "0F0 0SF0 0F1 0SF1 2RF0 2F0 2B0 2SB0 2RF1 2F1 2B1 2SB1 0RB0 0B0 0RB1 "
      "0B1 NORM STEP";
  const std::string crossed =
      "1RF0 1F0 1SF0 1RF1 1F1 1SF1 1RB0 1RB1 1B0 1SB0 1B1 1SB1 NORM STEP";
  ExpectError(ErrorOf(rank0, crossed, 2),
              "1SF0 is transfer 1 of rank 1, but rank 0 has 0SF1 there");
}

// Each two ranks agree on their order, and yet each of the three waits for the
// next: 0SF1 for rank 1, 1RB0 for rank 2, 2SF0 for rank 0.
TEST(ValidateTest, ThreeRanksNeedOneGlobalOrder) {
  const ActionLists lists =
      ParseText(
          {"0F0 0SF0 0F1 0SF1 3RF0 3F0 3B0 3SB0 3RF1 3F1 3B1 3SB1 0RB0 0B0 "
           "0RB1 0B1 NORM STEP",
           "1RF0 1F0 1SF0 1RB0 1RF1 1B0 1SB0 1F1 1SF1 1RB1 1B1 1SB1 NORM STEP",
           "2RF0 2F0 2SF0 2RB0 2B0 2SB0 2RF1 2F1 2SF1 2RB1 2B1 2SB1 NORM "
           "STEP"})
          .value();
  const auto use = Validate(SegmentTable::ForStages(3).value(), 2, lists);
  ASSERT_TRUE(absl::IsInvalidArgument(use.status()));
  ExpectError(std::string(use.status().message()),
              "rank 0, position 3: 0SF1 waits for a rank that waits for "
              "another one");
}

TEST(ValidateTest, EachOfThreeRanksReportsItsUse) {
  const Schedule schedule =
      BuildSchedule({.microbatches = 8, .stages = 3}).value();
  ASSERT_EQ(schedule.use.size(), 3u);
  for (size_t rank = 0; rank < 3; ++rank) {
    const RankUse& use = schedule.use[rank];
    EXPECT_EQ(use.max_live, 4 - static_cast<int32_t>(rank));
    EXPECT_EQ(use.moments, (std::vector<LiveMoment>{{0, {use.max_live}}}));
    EXPECT_EQ(use.waiting.first > 0, rank > 0);
  }
}

TEST(ValidateTest, GradientsAccumulateInOrder) {
  const std::string rank0 =
      "0F0 0SF0 0F1 0SF1 2RF0 2F0 2B0 2SB0 2RF1 2F1 2B1 2SB1 0RB1 0B1 0RB0 "
      "0B0 NORM STEP";
  const std::string rank1 =
      "1RF0 1F0 1RF1 1SF0 1F1 1RB0 1SF1 1RB1 1B1 1SB1 1B0 1SB0 NORM STEP";
  ExpectError(ErrorOf(rank0, rank1, 2),
              "0B0 breaks the order in which gradients accumulate");
}

TEST(ValidateTest, TheBoundOfLiveMicrobatchesHolds) {
  ScheduleOptions options;
  options.microbatches = 4;
  const Schedule schedule = BuildSchedule(options).value();
  EXPECT_EQ(schedule.use[0].max_live, 3);
  EXPECT_EQ(schedule.use[1].max_live, 2);
  const auto texts = ToText(schedule.ranks);
  EXPECT_EQ(ErrorOf(texts[0], texts[1], 4, 3), "");
  ExpectError(ErrorOf(texts[0], texts[1], 4, 2),
              "0F2 makes 3 live micro-batches, allowed are 2");
}

TEST(LowerTest, TransfersFollowTheirDataInOneOrder) {
  const ActionLists compute = ParseText({"0F0 2F0 2B0 0B0", "1F0 1B0"}).value();
  const ActionLists lists = Lower(TwoStages(), compute).value();
  EXPECT_EQ(ToString(lists[0]), kGood0);
  EXPECT_EQ(ToString(lists[1]), kGood1);
}

TEST(LowerTest, ThreeStagesPassOnWhatTheyGet) {
  const ActionLists compute =
      ParseText({"0F0 3F0 3B0 0B0", "1F0 1B0", "2F0 2B0"}).value();
  const ActionLists lists =
      Lower(SegmentTable::ForStages(3).value(), compute).value();
  EXPECT_EQ(ToString(lists[0]),
            "0F0 0SF0 3RF0 3F0 3B0 3SB0 0RB0 0B0 NORM STEP");
  EXPECT_EQ(ToString(lists[1]), kGood1);
  EXPECT_EQ(ToString(lists[2]), "2RF0 2F0 2SF0 2RB0 2B0 2SB0 NORM STEP");
  EXPECT_FALSE(Lower(TwoStages(), compute).ok());
}

TEST(LowerTest, ListsThatNeverEndAreRefused) {
  const ActionLists compute = ParseText({"0F0 0B0 2F0 2B0", "1F0 1B0"}).value();
  absl::StatusOr<ActionLists> lists = Lower(TwoStages(), compute);
  ASSERT_TRUE(absl::IsInvalidArgument(lists.status()));
  EXPECT_NE(lists.status().message().find("never gets past 0B0 of rank 0"),
            absl::string_view::npos);
}

}  // namespace
}  // namespace halfpipe::pipeline
