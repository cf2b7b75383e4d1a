#include "coordinator/run/validation.h"

#include <limits>
#include <set>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

ScanResult ScanOf(const std::vector<std::string>& names,
                  const std::string& folder = "/cache/") {
  ScanResult scan;
  scan.data_digest = "data";
  for (const std::string& name : names) {
    SampleRef sample;
    sample.row = static_cast<int64_t>(scan.samples.size()) + 1;
    sample.latents_path = absl::StrCat(folder, name);
    sample.context_path = absl::StrCat(folder, name, ".context");
    scan.samples.push_back(sample);
  }
  return scan;
}

std::set<std::string> NamesOf(const std::vector<SampleRef>& samples) {
  std::set<std::string> names;
  for (const SampleRef& sample : samples) {
    names.insert(
        sample.latents_path.substr(sample.latents_path.rfind('/') + 1));
  }
  return names;
}

TEST(ValidationTest, TheSamplesDependOnWhatTheyAreAlone) {
  const ValidationConfig config = {.samples = 3, .seed = 4};
  const auto split =
      HoldOut(config, ScanOf({"a", "b", "c", "d", "e", "f", "g"})).value();
  EXPECT_THAT(split.held_out, SizeIs(3));
  EXPECT_THAT(split.training, SizeIs(4));
  const auto moved =
      HoldOut(config, ScanOf({"g", "c", "a", "b", "f", "e", "d"}, "/other/"))
          .value();
  EXPECT_EQ(NamesOf(moved.held_out), NamesOf(split.held_out));
  EXPECT_EQ(moved.data_digest, split.data_digest);
  std::set<std::set<std::string>> choices;
  std::set<std::string> digests = {"data"};
  for (int64_t seed = 0; seed < 8; ++seed) {
    const auto other = HoldOut({.samples = 3, .seed = seed},
                               ScanOf({"a", "b", "c", "d", "e", "f", "g"}))
                           .value();
    choices.insert(NamesOf(other.held_out));
    digests.insert(other.data_digest);
  }
  EXPECT_GT(choices.size(), 3u);
  EXPECT_EQ(digests.size(), choices.size() + 1);
}

TEST(ValidationTest, NoCopyOfAHeldOutSampleIsTrainedOn) {
  const auto split =
      HoldOut({.samples = 1}, ScanOf({"a", "b", "a", "b", "b", "a"})).value();
  EXPECT_THAT(split.held_out, SizeIs(1));
  EXPECT_THAT(split.training, SizeIs(3));
  for (const SampleRef& sample : split.training) {
    EXPECT_NE(sample.latents_path, split.held_out[0].latents_path);
  }
}

TEST(ValidationTest, SomethingMustBeLeftToTrainOn) {
  const absl::Status status =
      HoldOut({.samples = 2}, ScanOf({"a", "b", "a"})).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("validation.samples"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("at most 1"));
}

TEST(ValidationTest, ThePlanFixesEverything) {
  const ValidationConfig config = {.samples = 2, .bands = 4};
  const ScanResult scan = ScanOf({"a", "b"});
  const StepPlan plan =
      MakeEvaluationPlan(config, scan.samples, Epoch(3), 10, "hash");
  EXPECT_TRUE(plan.evaluation);
  EXPECT_EQ(plan.step, Step(10));
  EXPECT_EQ(plan.schedule_hash, "hash");
  ASSERT_THAT(plan.microbatches, SizeIs(8));
  EXPECT_EQ(plan.microbatches[5].latents_path, "/cache/b");
  EXPECT_EQ(plan.microbatches[5].context_path, "/cache/b.context");
  ASSERT_TRUE(plan.microbatches[5].fixed.has_value());
  EXPECT_DOUBLE_EQ(plan.microbatches[5].fixed->place, 1.5 / 4);
  std::set<std::string> noises;
  for (const MicrobatchPlan& microbatch : plan.microbatches) {
    noises.insert(microbatch.fixed->noise_name);
  }
  EXPECT_THAT(noises, SizeIs(8));
  const StepPlan later =
      MakeEvaluationPlan(config, scan.samples, Epoch(4), 20, "hash");
  for (size_t i = 0; i < plan.microbatches.size(); ++i) {
    EXPECT_EQ(later.microbatches[i].fixed, plan.microbatches[i].fixed);
  }
}

TEST(ValidationTest, MeansByBand) {
  const ValidationConfig config = {.samples = 2, .bands = 2};
  StepReport report;
  report.losses = {1.0, 2.0, 3.0, 6.0};
  report.timesteps = {900.0, 400.0, 900.0, 400.0};
  const auto result = Summarize(config, 7, report).value();
  EXPECT_EQ(result.steps_done, 7);
  EXPECT_DOUBLE_EQ(result.loss, 3.0);
  ASSERT_THAT(result.bands, SizeIs(2));
  EXPECT_DOUBLE_EQ(result.bands[0].loss, 2.0);
  EXPECT_DOUBLE_EQ(result.bands[0].timestep, 900.0);
  EXPECT_DOUBLE_EQ(result.bands[1].loss, 4.0);
  report.losses.pop_back();
  EXPECT_TRUE(absl::IsInternal(Summarize(config, 7, report).status()));
}

TEST(ValidationTest, DueByStepsAndBehindTheLastOne) {
  const ValidationConfig config = {.samples = 1, .every = 4};
  std::vector<int64_t> due;
  for (int64_t step = 0; step <= 10; ++step) {
    if (IsValidationDue(config, {}, step, 10)) due.push_back(step);
  }
  EXPECT_EQ(due, (std::vector<int64_t>{4, 8, 10}));
  EXPECT_FALSE(IsValidationDue(config, {.steps = 4}, 4, 10));
  EXPECT_FALSE(IsValidationDue({}, {}, 100, 100));
}

TEST(ValidationTest, ARecordCoversWhatWasDueBefore) {
  const ValidationConfig config = {.samples = 1, .every = 4};
  EXPECT_TRUE(CoversValidations(config, {}, 3));
  EXPECT_TRUE(CoversValidations(config, {}, 4));  // its own is still to come
  EXPECT_FALSE(CoversValidations(config, {}, 5));
  EXPECT_TRUE(CoversValidations(config, {.steps = 4}, 8));
  EXPECT_FALSE(CoversValidations(config, {.steps = 4}, 9));
  EXPECT_TRUE(CoversValidations({}, {}, 9));
}

TEST(ValidationTest, OnlyALowerFiniteLossIsBetter) {
  const ValidationConfig config = {.samples = 1, .patience = 2};
  ValidationRecord record;
  const auto take = [&](int64_t steps, double loss) {
    ValidationResult result;
    result.steps_done = steps;
    result.loss = loss;
    const bool best = TakeValidation(&result, &record);
    EXPECT_EQ(best, result.best_steps == steps);
    return best;
  };
  EXPECT_FALSE(take(1, std::numeric_limits<double>::quiet_NaN()));
  EXPECT_EQ(record.best_steps, 0);
  EXPECT_TRUE(take(2, 1.0));
  EXPECT_FALSE(take(3, 1.0));
  EXPECT_FALSE(IsOutOfPatience(config, record));
  EXPECT_TRUE(take(4, 0.5));
  EXPECT_FALSE(take(5, std::numeric_limits<double>::quiet_NaN()));
  EXPECT_FALSE(take(6, 0.75));
  EXPECT_TRUE(IsOutOfPatience(config, record));
  EXPECT_FALSE(IsOutOfPatience({.samples = 1}, record));
  EXPECT_EQ(
      record,
      (ValidationRecord{
          .steps = 6, .best_steps = 4, .best_loss = 0.5, .without_better = 2}));
}

TEST(ValidationTest, TheScheduleHasEverySampleAtEveryBand) {
  const ValidationConfig config = {.samples = 3, .bands = 4};
  const pipeline::ScheduleOptions training = {
      .name = pipeline::ScheduleName::kInterleaved,
      .microbatches = 2,
      .chunks = 4};
  const auto schedule = EvaluationScheduleOf(config, training).value();
  ASSERT_THAT(schedule.ranks, SizeIs(2));
  // Nine segments: two for each chunk, and the head.
  EXPECT_EQ(pipeline::TableOf(schedule.options)->segment_count(), 9);
  EXPECT_THAT(pipeline::ToText(schedule.ranks)[0], HasSubstr("8F11"));
}

}  // namespace
}  // namespace halfpipe
