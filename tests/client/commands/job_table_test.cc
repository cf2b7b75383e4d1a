#include "client/commands/job_table.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/jobs/terminal.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const absl::Time kNow = absl::UnixEpoch() + absl::Hours(100);

Job TrainingJob() {
  Job job;
  job.id = "my-fox-1a2b3c4d5e6f";
  job.name = "my fox";
  job.state = JobState::kRunning;
  job.steps_done = 1234;
  job.steps_total = 2000;
  job.created = kNow - absl::Minutes(125);
  job.last_step = StepProgress{};
  job.last_step->smoothed_loss = 0.1301;
  job.last_step->eta_seconds = 3725;
  return job;
}

Job FailedJob() {
  Job job = TrainingJob();
  job.id = "a-job-with-a-long-name-1a2b3c4d5e6f";
  job.state = JobState::kFailed;
  job.reason = "stage 1 (pair default): the GPU has fallen off the bus";
  return job;
}

int Widest(const std::string& table) {
  int widest = 0;
  for (const auto& line : absl::StrSplit(table, '\n')) {
    widest = std::max(widest, ShownColumns(line));
  }
  return widest;
}

TEST(JobTableTest, HasEveryColumnWhereNoTerminalBoundsIt) {
  const std::string table =
      JobTable({TrainingJob(), FailedJob()}, kNow, std::nullopt);
  EXPECT_THAT(table, StartsWith("ID "));
  EXPECT_THAT(table, HasSubstr("STATE       STEP       LOSS    ETA    AGE    "
                               "PRIO  NAME    REASON\n"));
  EXPECT_THAT(table, HasSubstr("running     1234/2000  0.1301  1h02m  2h05m  "
                               "0     my fox\n"));
  EXPECT_THAT(table, EndsWith("the GPU has fallen off the bus\n"));
}

TEST(JobTableTest, CutsTheReasonOnAWideTerminal) {
  const std::string table = JobTable({FailedJob()}, kNow, 120);
  EXPECT_THAT(table, HasSubstr("NAME"));
  EXPECT_THAT(table, EndsWith("...\n"));
  EXPECT_EQ(Widest(table), 120);
}

TEST(JobTableTest, LeavesOutWhatMattersLessOnANarrowOne) {
  const std::string table = JobTable({TrainingJob(), FailedJob()}, kNow, 80);
  EXPECT_LE(Widest(table), 80);
  EXPECT_THAT(table, Not(HasSubstr("NAME")));
  EXPECT_THAT(table, HasSubstr("1234/2000"));
  EXPECT_THAT(table, HasSubstr("my-fox-1a2b3c4d5e6f "));
}

TEST(JobTableTest, NeverLeavesOutTheId) {
  const std::string table = JobTable({FailedJob()}, kNow, 10);
  EXPECT_EQ(table, "ID\na-job-with-a-long-name-1a2b3c4d5e6f\n");
}

// A character that a terminal may show twice as wide.
TEST(JobTableTest, CountsWideCharacters) {
  Job job = FailedJob();
  job.name = "\xe7\x8b\x90\xe7\x8b\x90";
  job.reason = absl::StrCat(std::string(40, '-'),
                            "\xe7\x8b\x90\xe7\x8b\x90\xe7\x8b\x90");
  for (int columns = 60; columns < 160; ++columns) {
    EXPECT_LE(Widest(JobTable({job}, kNow, columns)), columns);
  }
}

}  // namespace
}  // namespace halfpipe
