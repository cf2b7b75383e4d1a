#include "coordinator/schedule/submission_reader.h"

#include "coordinator/job_config_text.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

JobSpec Spec(const std::string& output_dir) {
  JobSpec spec;
  spec.id = "a";
  spec.config_yaml = JobConfigText(output_dir, /*steps=*/7);
  return spec;
}

TEST(SubmissionReaderTest, ReadsTheJobThatTheSpecIsOf) {
  SubmissionReader reader{PathRootsConfig()};
  const auto read = reader.Read(Spec("/out"), absl::UnixEpoch());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->job.id, "a");
  EXPECT_EQ(read->job.created, absl::UnixEpoch());
  EXPECT_EQ(read->config.train.steps, 7);
}

TEST(SubmissionReaderTest, RefusesWhatBreaksALimitOrCannotBeRead) {
  SubmissionReader reader{PathRootsConfig()};
  JobSpec spec = Spec("/out");
  spec.id = "a/b";
  EXPECT_TRUE(
      absl::IsInvalidArgument(reader.Read(spec, absl::UnixEpoch()).status()));
  spec = Spec("/out");
  spec.config_yaml = "train: {steps: many}\n";
  EXPECT_TRUE(
      absl::IsInvalidArgument(reader.Read(spec, absl::UnixEpoch()).status()));
}

TEST(SubmissionReaderTest, RefusesPathsThatLeadOutOfTheRoots) {
  PathRootsConfig roots;
  roots.outputs = {"/somewhere"};
  SubmissionReader reader(roots);
  EXPECT_TRUE(reader.Read(Spec("/somewhere/out"), absl::UnixEpoch()).ok());
  const absl::Status refused =
      reader.Read(Spec("/out"), absl::UnixEpoch()).status();
  EXPECT_TRUE(absl::IsInvalidArgument(refused));
  EXPECT_THAT(refused.message(), HasSubstr("/out"));
}

}  // namespace
}  // namespace halfpipe
