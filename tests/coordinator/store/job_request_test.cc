#include "coordinator/store/job_request.h"

#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "coordinator/job_config_text.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

JobSpec Spec() {
  JobSpec spec;
  spec.config_yaml = JobConfigText("out", /*steps=*/7);
  return spec;
}

absl::Status CheckId(std::string id) {
  JobSpec spec = Spec();
  spec.id = std::move(id);
  return CheckJobSpec(spec);
}

TEST(JobRequestTest, IdsHaveLimits) {
  for (const char* id : {"", "a", "My_job-1.2"}) {
    EXPECT_TRUE(CheckId(id).ok()) << id;
  }
  EXPECT_TRUE(CheckId(std::string(64, 'a')).ok());
  for (const char* id : {"a/b", "a b", "\xc3\xa9"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(CheckId(id))) << id;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(CheckId(std::string(65, 'a'))));
}

TEST(JobRequestTest, LabelsHaveLimits) {
  JobSpec spec = Spec();
  spec.labels = {{"", "value"}};
  EXPECT_TRUE(absl::IsInvalidArgument(CheckJobSpec(spec)));
  spec.labels = {{"key", std::string(257, 'v')}};
  EXPECT_TRUE(absl::IsInvalidArgument(CheckJobSpec(spec)));
  spec.labels = {{"key", std::string(256, 'v')}};
  EXPECT_TRUE(CheckJobSpec(spec).ok());
  for (int i = 0; i < 32; ++i) spec.labels.emplace(absl::StrCat(i), "v");
  EXPECT_TRUE(absl::IsInvalidArgument(CheckJobSpec(spec)));
}

TEST(JobRequestTest, NamesAreNoOrdersToATerminal) {
  for (const std::string evil : {"a\x1b[2J", "a\r", "a\nb",
                                 "\xc2\x9b"
                                 "m",
                                 "\xe2\x80\xae"}) {
    JobSpec spec = Spec();
    spec.labels = {{"team", evil}};
    EXPECT_TRUE(absl::IsInvalidArgument(CheckJobSpec(spec)));
    spec.labels = {{evil, "red"}};
    EXPECT_TRUE(absl::IsInvalidArgument(CheckJobSpec(spec)));
    spec.labels.clear();
    spec.pair = evil;
    EXPECT_TRUE(absl::IsInvalidArgument(CheckJobSpec(spec)));
  }
  JobSpec spec = Spec();
  spec.labels = {{"team", "\xd7\xa9\xd7\x9c caf\xc3\xa9"}};
  EXPECT_TRUE(CheckJobSpec(spec).ok());
}

TEST(JobRequestTest, HowAJobIsRunHasLimits) {
  JobSpec spec = Spec();
  spec.priority = -1000;
  spec.retry_limit = 100;
  spec.retry_backoff = absl::Hours(24);
  spec.pair = std::string(256, 'p');
  EXPECT_TRUE(CheckJobSpec(spec).ok());
  const auto refuses = [&](auto change) {
    JobSpec changed = spec;
    change(changed);
    return absl::IsInvalidArgument(CheckJobSpec(changed));
  };
  EXPECT_TRUE(refuses([](JobSpec& s) { s.priority = 1001; }));
  EXPECT_TRUE(refuses([](JobSpec& s) { s.priority = -1001; }));
  EXPECT_TRUE(refuses([](JobSpec& s) { s.retry_limit = 101; }));
  EXPECT_TRUE(refuses([](JobSpec& s) { s.retry_limit = -1; }));
  EXPECT_TRUE(refuses([](JobSpec& s) { s.retry_backoff = absl::Hours(25); }));
  EXPECT_TRUE(
      refuses([](JobSpec& s) { s.retry_backoff = absl::ZeroDuration(); }));
  EXPECT_TRUE(refuses(
      [](JobSpec& s) { s.retry_backoff = absl::Seconds(std::nan("")); }));
  EXPECT_TRUE(refuses([](JobSpec& s) { s.pair += 'p'; }));
}

TEST(JobRequestTest, AJobHoldsHowItIsRun) {
  JobSpec spec = Spec();
  spec.priority = 5;
  spec.retry_limit = 2;
  spec.pair = "left";
  const auto read = ReadSubmission(spec, absl::Now());
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->job.priority, 5);
  EXPECT_EQ(read->job.retry_limit, 2);
  EXPECT_EQ(read->job.requested_pair, "left");
  EXPECT_EQ(read->job.pair, "");
}

TEST(JobRequestTest, AJobHoldsItsResolvedConfig) {
  JobSpec spec = Spec();
  spec.base_dir = "/base";
  const absl::Time now = absl::FromUnixSeconds(1000);
  const auto read = ReadSubmission(spec, now);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->config.output.dir, "/base/out");
  const Job& job = read->job;
  EXPECT_EQ(job.name, "test");
  EXPECT_EQ(job.state, JobState::kQueued);
  EXPECT_EQ(job.steps_total, 7);
  EXPECT_EQ(job.created, now);
  EXPECT_THAT(job.config_yaml, HasSubstr("/base/out"));
  EXPECT_FALSE(job.config_digest.empty());
  const auto other = ReadSubmission(spec, now);
  ASSERT_TRUE(other.ok());
  EXPECT_NE(job.id, other->job.id);
  EXPECT_THAT(job.id, ::testing::MatchesRegex("test-[0-9a-f]{12}"));
  EXPECT_EQ(job.config_digest, other->job.config_digest);
  spec.id = other->job.id;
  EXPECT_EQ(ReadSubmission(spec, now)->job.id, other->job.id);
}

TEST(JobRequestTest, ErrorsNameTheFile) {
  JobSpec spec;
  spec.file_name = "fox.yaml";
  spec.config_yaml = "name: x\nstps: 3\n";
  const absl::Status status = ReadSubmission(spec, absl::Now()).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("fox.yaml:2: stps"));
}

}  // namespace
}  // namespace halfpipe
