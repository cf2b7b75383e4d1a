#include "client/report/plan_report.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/plan/plan_cases.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

PlanReport Report() {
  PlanReport report;
  report.request = A14bRequest();
  report.request.gpu_memory_bytes = 28 * kGiB;
  report.request.host_memory_bytes = {64 * kGiB};
  report.plan = PlanTraining(report.request).value();
  report.longest_frames = 85;
  report.rates_source.kind = "file";
  return report;
}

TEST(PlanReportTest, TextHasEveryStageAndFigure) {
  PlanReport report = Report();
  const std::string text = PlanText(report);
  EXPECT_THAT(text, HasSubstr("40 blocks of width 5120, bf16 weights"));
  EXPECT_THAT(text, HasSubstr("49 frames, 20280 tokens"));
  EXPECT_THAT(text, HasSubstr("stage 0    blocks 0 to "));
  EXPECT_THAT(text, HasSubstr(" to 39, "));
  EXPECT_THAT(text, HasSubstr(report.plan.stages[1].activations.ToText()));
  EXPECT_THAT(text, HasSubstr("of 28.0 GiB"));
  EXPECT_THAT(text, HasSubstr("longest    85 frames"));
  EXPECT_THAT(text, Not(HasSubstr("rates that come with")));
  report.rates_source = RatesSource();
  EXPECT_THAT(PlanText(report), HasSubstr("rates that come with halfpipe"));
}

TEST(PlanReportTest, TheWholeJobsTimeAndItsEnd) {
  PlanReport report = Report();
  EXPECT_THAT(PlanText(report), Not(HasSubstr("in all     ")));
  report.steps = static_cast<int64_t>(7200.0 / report.plan.step_seconds());
  report.start = absl::Now();
  const std::string text = PlanText(report);
  EXPECT_THAT(text, HasSubstr(absl::StrCat("in all     ", report.steps,
                                           " steps, about 2 h")));
  EXPECT_THAT(
      text, HasSubstr(absl::FormatTime(
                "ends %a %H:%M if it starts now",
                report.start + absl::Seconds(static_cast<double>(report.steps) *
                                             report.plan.step_seconds()),
                absl::LocalTimeZone())));
  const nlohmann::ordered_json json = PlanJson(report);
  EXPECT_EQ(json["steps"], report.steps);
  EXPECT_NEAR(json["total_seconds"].get<double>(), 7200.0,
              report.plan.step_seconds());
}

TEST(PlanReportTest, WhereTheRatesComeFromIsSaid) {
  PlanReport report = Report();
  report.rates_source = {"measured", "measured by the stages", {"one is not"}};
  EXPECT_THAT(PlanText(report),
              HasSubstr("\nrates      measured by the stages\n           one "
                        "is not\n"));
  const nlohmann::ordered_json json = PlanJson(report);
  EXPECT_EQ(json["rates_source"], "measured");
  EXPECT_EQ(json["rates_notes"][0], "one is not");
}

TEST(PlanReportTest, JsonHasTheSameFigures) {
  const PlanReport report = Report();
  const nlohmann::ordered_json json = PlanJson(report);
  EXPECT_EQ(json["schema"], 1);
  EXPECT_EQ(json["s_per_step"], report.plan.step_seconds());
  EXPECT_EQ(json["s_per_sample"], report.plan.step_seconds() / 8);
  EXPECT_EQ(json["longest_frames"], 85);
  EXPECT_EQ(json["split"], report.plan.split);
  ASSERT_EQ(json["stages"].size(), 2u);
  int64_t pinned = 0;
  double busy = 0.0;
  for (const auto& stage : json["stages"]) {
    EXPECT_LE(stage["peak_gpu_bytes"], 28 * kGiB);
    pinned += stage["pinned_host_bytes"].get<int64_t>();
    busy += stage["busy_ratio"].get<double>();
  }
  EXPECT_EQ(json["pinned_host_bytes"], pinned);
  EXPECT_NEAR(1.0 - busy / 2.0, json["bubble_ratio"].get<double>(), 1e-9);
  EXPECT_EQ(json["timeline"].size(), report.plan.schedule.ranks[0].size() +
                                         report.plan.schedule.ranks[1].size());
}

TEST(PlanReportTest, TheTimelineIsAsWideAsAskedAndShowsTheWork) {
  const PlanReport report = Report();
  const std::vector<std::string> lines =
      absl::StrSplit(TimelineText(report.plan, 200), '\n', absl::SkipEmpty());
  ASSERT_EQ(lines.size(), 2u);
  for (size_t rank = 0; rank < 2; ++rank) {
    const std::string line = lines[rank].substr(4);
    ASSERT_EQ(line.size(), 200u);
    const auto idle = std::count(line.begin(), line.end(), '.');
    const double busy =
        report.plan.simulation.busy_seconds[rank] / report.plan.step_seconds();
    EXPECT_NEAR(1.0 - static_cast<double>(idle) / 200.0, busy, 0.03);
    EXPECT_GT(std::count(line.begin(), line.end(), 'B'),
              std::count(line.begin(), line.end(), 'F'));
  }
  EXPECT_EQ(std::count(lines[0].begin(), lines[0].end(), 'h'), 8);
  EXPECT_EQ(std::count(lines[1].begin(), lines[1].end(), 'h'), 0);
  EXPECT_EQ(lines[0][4], 'F');
  EXPECT_EQ(lines[1][4], '.');  // it waits for the first activation
}

}  // namespace
}  // namespace halfpipe
