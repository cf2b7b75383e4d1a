#include "coordinator/page/job_record.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

template <typename What>
JobEvent EventOf(What what) {
  JobEvent event;
  event.time = absl::FromUnixSeconds(7);
  event.what = std::move(what);
  return event;
}

ValidationResult ResultOf(int64_t steps_done) {
  ValidationResult result;
  result.steps_done = steps_done;
  return result;
}

TEST(JobRecordTest, StepsGoIntoBothCurves) {
  JobRecord record;
  StepProgress step;
  step.steps_done = 3;
  step.loss = 0.5;
  record.Add(EventOf(step));
  EXPECT_THAT(record.curve().points(), SizeIs(1));
  EXPECT_THAT(record.steps().Between(0, 9, 9), SizeIs(1));
}

TEST(JobRecordTest, LogLinesAndChangesOfStateAreItsLog) {
  JobRecord record;
  record.Add(EventOf(LogLine{LogSeverity::kWarning, "hot", 1}));
  record.Add(EventOf(StateChange{JobState::kFailed, "it broke",
                                 absl::InternalError("no memory")}));
  ASSERT_THAT(record.lines(), SizeIs(2));
  EXPECT_EQ(record.lines()[0].text, "hot");
  EXPECT_EQ(record.lines()[0].stage, 1);
  EXPECT_EQ(record.lines()[0].severity, LogSeverity::kWarning);
  EXPECT_EQ(record.lines()[0].time, absl::FromUnixSeconds(7));
  EXPECT_EQ(record.lines()[1].text, "the job is failed: it broke: no memory");
  EXPECT_EQ(record.lines()[1].severity, LogSeverity::kError);
}

TEST(JobRecordTest, TheLastLinesAreKeptAndNoneIsEndless) {
  JobRecord record;
  for (size_t i = 0; i < JobRecord::kLines + 5; ++i) {
    record.Add(EventOf(LogLine{LogSeverity::kInfo, absl::StrCat(i), {}}));
  }
  EXPECT_THAT(record.lines(), SizeIs(JobRecord::kLines));
  EXPECT_EQ(record.lines().front().text, "5");
  record.Add(EventOf(LogLine{LogSeverity::kInfo,
                             std::string(JobRecord::kMostLineBytes + 1, 'x'),
                             {}}));
  EXPECT_EQ(record.lines().back().text.size(), JobRecord::kMostLineBytes + 4);
  EXPECT_THAT(record.lines().back().text, HasSubstr("x ..."));
}

TEST(JobRecordTest, ValidationsFollowTheirSteps) {
  JobRecord record;
  for (const int64_t steps : {10, 20, 30, 20}) {
    record.Add(EventOf(ResultOf(steps)));
  }
  ASSERT_THAT(record.validations(), SizeIs(2));
  EXPECT_EQ(record.validations().back().steps_done, 20);
}

TEST(JobRecordTest, OfManyValidationsSomeAreLeftOut) {
  JobRecord record;
  const auto most = static_cast<int64_t>(JobRecord::kValidations);
  for (int64_t i = 1; i <= most + 1; ++i) record.Add(EventOf(ResultOf(i)));
  ASSERT_THAT(record.validations(), SizeIs(JobRecord::kValidations / 2 + 1));
  EXPECT_EQ(record.validations()[0].steps_done, 2);
  EXPECT_EQ(record.validations().back().steps_done, most + 1);
}

}  // namespace
}  // namespace halfpipe
