#include "coordinator/run/output_folder.h"

#include <string>

#include "common/config/key_values.h"
#include "coordinator/job_config_text.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class OutputFolderTest : public ::testing::Test {
 protected:
  static FoundCheckpoint Checkpoint(const JobConfig& config, int64_t step,
                                    bool recorded = true) {
    CheckpointManifest manifest;
    manifest.step = step;
    manifest.config_digest = ConfigDigest(config);
    if (recorded) manifest.config = RecordedValues(config);
    return {{step, "/out/step-" + std::to_string(step)}, manifest};
  }

  static FoundLora Lora(const JobConfig& config, int64_t step) {
    return {"/out/lora.diffsynth.safetensors", ConfigDigest(config), step};
  }

  FolderJudgement Judge(const OutputContents& contents) {
    Training training(config_, ConfigDigest(config_));
    return JudgeFolder(contents, config_, &training);
  }

  JobConfig config_ = *ParseJobConfig(JobConfigText("/out"), "");
};

TEST_F(OutputFolderTest, OwnCheckpointsAreTaken) {
  const FolderJudgement found = Judge(
      {{Checkpoint(config_, 2), Checkpoint(config_, 4)}, {Lora(config_, 6)}});
  EXPECT_THAT(found.in_the_way, IsEmpty());
  EXPECT_THAT(found.own, SizeIs(2));
  EXPECT_EQ(found.steps_before, 6);
}

TEST_F(OutputFolderTest, AnotherNumberOfStepsIsTheSameTraining) {
  JobConfig shorter = config_;
  shorter.train.steps = 4;
  for (const bool recorded : {true, false}) {
    const FolderJudgement found =
        Judge({{Checkpoint(shorter, 4, recorded)}, {Lora(shorter, 4)}});
    EXPECT_THAT(found.in_the_way, IsEmpty());
    EXPECT_THAT(found.own, SizeIs(1));
    EXPECT_EQ(found.steps_before, 4);
  }
}

TEST_F(OutputFolderTest, AnotherTrainingIsInTheWayAndSaysWhy) {
  JobConfig other = config_;
  other.train.optimizer.learning_rate = 5e-5;
  const FolderJudgement found = Judge(
      {{Checkpoint(other, 2), Checkpoint(other, 4), Checkpoint(config_, 2)},
       {Lora(other, 6)}});
  EXPECT_THAT(found.in_the_way, ElementsAre("/out/step-2", "/out/step-4",
                                            "/out/lora.diffsynth.safetensors"));
  EXPECT_THAT(found.own, SizeIs(1));
  const absl::Status error = InTheWayError("/out", found);
  EXPECT_EQ(error.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(
      error.message(),
      AllOf(HasSubstr("step-2, step-4: train.optimizer.learning_rate was "
                      "5.0e-05 and is 1.0e-04 now"),
            HasSubstr("lora.diffsynth.safetensors: another job's LoRA"),
            HasSubstr("--replace"), HasSubstr("another output.dir")));
}

TEST_F(OutputFolderTest, WhatWasNotRecordedIsSaidToBe) {
  JobConfig other = config_;
  other.train.seed = 3;
  const FolderJudgement found = Judge({{Checkpoint(other, 2, false)}, {}});
  EXPECT_THAT(found.reasons, ElementsAre(HasSubstr("did not record its keys")));
}

TEST_F(OutputFolderTest, MoreStepsThanAskedForAreInTheWay) {
  JobConfig longer = config_;
  longer.train.steps = 8;
  const FolderJudgement found = Judge(
      {{Checkpoint(longer, 6), Checkpoint(longer, 8)}, {Lora(longer, 8)}});
  EXPECT_THAT(found.in_the_way,
              ElementsAre("/out/step-8", "/out/lora.diffsynth.safetensors"));
  EXPECT_THAT(found.own, SizeIs(1));
  EXPECT_THAT(found.reasons,
              ElementsAre(AllOf(HasSubstr("step 8"), HasSubstr("which is 6"),
                                HasSubstr("write at least 8"))));
}

TEST_F(OutputFolderTest, AStrangersFileIsInTheWay) {
  const FolderJudgement found =
      Judge({{}, {{.path = "/out/lora.comfyui.safetensors"}}});
  EXPECT_THAT(found.in_the_way, SizeIs(1));
  EXPECT_THAT(found.reasons, ElementsAre(HasSubstr("did not write")));
  FoundLora damaged{"/out/lora.comfyui.safetensors"};
  damaged.readable = false;
  EXPECT_THAT(Judge({{}, {damaged}}).in_the_way, IsEmpty());
}

// To be set aside as damaged when it is read, not to be overwritten.
TEST_F(OutputFolderTest, AnUnreadableManifestIsTakenForOwn) {
  FoundCheckpoint damaged = Checkpoint(config_, 4);
  damaged.manifest = absl::DataLossError("cut off");
  const FolderJudgement found = Judge({{Checkpoint(config_, 2), damaged}, {}});
  EXPECT_THAT(found.in_the_way, IsEmpty());
  EXPECT_THAT(found.own, SizeIs(2));
}

// One before the newest may be another job's: it is not pruned as own.
TEST_F(OutputFolderTest, AnEarlierUnreadableManifestIsNobodys) {
  FoundCheckpoint damaged = Checkpoint(config_, 2);
  damaged.manifest = absl::InvalidArgumentError("no JSON");
  const FolderJudgement found = Judge({{damaged, Checkpoint(config_, 4)}, {}});
  EXPECT_THAT(found.in_the_way, IsEmpty());
  ASSERT_THAT(found.own, SizeIs(1));
  EXPECT_EQ(found.own[0].checkpoint.steps_done, 4);
}

TEST_F(OutputFolderTest, UnreadableManifestsAloneAreInTheWay) {
  FoundCheckpoint damaged = Checkpoint(config_, 4);
  damaged.manifest = absl::NotFoundError("there is no manifest.json");
  const FolderJudgement found = Judge({{damaged}, {}});
  EXPECT_THAT(found.in_the_way, ElementsAre("/out/step-4"));
  EXPECT_THAT(found.reasons,
              ElementsAre("step-4: cannot be read: there is no manifest.json"));
  // It may be there again tomorrow.
  damaged.manifest = absl::UnavailableError("no network");
  EXPECT_THAT(Judge({{damaged}, {}}).in_the_way, IsEmpty());
}

TEST_F(OutputFolderTest, MoreStepsAreSaidWithWhatTheyChange) {
  EXPECT_EQ(StepsNotice(config_, 6, 4), "");
  const std::string constant = StepsNotice(config_, 4, 4);
  EXPECT_THAT(constant, AllOf(HasSubstr("was 4 and is 6"),
                              HasSubstr("goes on from step 4"),
                              Not(HasSubstr("lr_schedule"))));
  config_.train.lr_schedule.type = LrScheduleType::kLinear;
  // Of 4 steps the fourth has a quarter of the rate; of 6 the fifth has a
  // third.
  EXPECT_THAT(StepsNotice(config_, 4, 4),
              AllOf(HasSubstr("2.5e-05"), HasSubstr("3.33e-05"),
                    HasSubstr("not the one of 6 steps at once")));
}

}  // namespace
}  // namespace halfpipe
