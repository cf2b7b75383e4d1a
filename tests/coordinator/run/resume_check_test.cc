#include "coordinator/run/resume_check.h"

#include "coordinator/fake_stage.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

CheckpointManifest Recorded() {
  CheckpointManifest manifest;
  manifest.threads = 1;
  manifest.model_digest = "high";
  manifest.init_digest = "start";
  manifest.device = "cpu";
  manifest.arithmetic = "avx2";
  return manifest;
}

ScanResult Scan(const std::string& model, const std::string& init) {
  ScanResult scan;
  scan.model_digest = model;
  scan.init_digest = init;
  return scan;
}

TEST(ResumeCheckTest, TheSameWeightsAreTaken) {
  EXPECT_TRUE(CheckWeights(Recorded(), Scan("high", "start"), "/c").ok());
  EXPECT_TRUE(CheckWeights({}, Scan("any", "any"), "/c").ok());
}

TEST(ResumeCheckTest, TheOtherExpertIsRefused) {
  const absl::Status status =
      CheckWeights(Recorded(), Scan("low", "start"), "/c");
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(status.message(), AllOf(HasSubstr("model.dit"), HasSubstr("/c"),
                                      HasSubstr("--replace")));
}

TEST(ResumeCheckTest, AnotherStartIsRefused) {
  EXPECT_THAT(CheckWeights(Recorded(), Scan("high", "else"), "/c").message(),
              HasSubstr("lora.init_from: holds another LoRA than /c started"));
  EXPECT_THAT(
      CheckWeights(Recorded(), Scan("high", ""), "/c").message(),
      HasSubstr("lora.init_from: is empty, but /c started from a LoRA"));
  CheckpointManifest fresh = Recorded();
  fresh.init_digest = "";
  EXPECT_THAT(CheckWeights(fresh, Scan("high", "start"), "/c").message(),
              HasSubstr("is given, but /c started from a fresh one"));
}

TEST(ResumeCheckTest, AnotherMachineIsSaid) {
  JobConfig config;
  StageInfo stage = MakeStageInfo(0);
  stage.arithmetic = "avx2";
  EXPECT_THAT(ResumeNotices(Recorded(), &stage, config, "/c"), IsEmpty());
  config.pipeline.threads = 4;
  stage.device = "cuda:0";
  stage.arithmetic = "avx512";
  EXPECT_THAT(ResumeNotices(Recorded(), &stage, config, "/c"),
              ElementsAre(HasSubstr("pipeline.threads was 1 and is 4"),
                          HasSubstr("device was cpu and is cuda")));
}

// It is the CPU's, which decides nothing where a GPU trains.
TEST(ResumeCheckTest, AnotherArithmeticIsSaidOfCpus) {
  CheckpointManifest manifest = Recorded();
  StageInfo stage = MakeStageInfo(0);
  stage.arithmetic = "avx512";
  EXPECT_THAT(ResumeNotices(manifest, &stage, JobConfig(), "/c"),
              ElementsAre(HasSubstr("was avx2 and is avx512")));
  manifest.device = "cuda";
  stage.device = "cuda:0";
  EXPECT_THAT(ResumeNotices(manifest, &stage, JobConfig(), "/c"), IsEmpty());
}

// A check of a job for GPUs looks on CPUs: that is no change.
TEST(ResumeCheckTest, AMachineThatIsNotKnownIsNoOther) {
  CheckpointManifest manifest = Recorded();
  manifest.device = "cuda";
  EXPECT_THAT(ResumeNotices(manifest, nullptr, JobConfig(), "/c"), IsEmpty());
}

TEST(ResumeCheckTest, WhatWasNotRecordedIsSaid) {
  CheckpointManifest old;
  old.threads = 1;
  const StageInfo stage = MakeStageInfo(0);
  EXPECT_THAT(ResumeNotices(old, &stage, JobConfig(), "/c"),
              ElementsAre(AllOf(HasSubstr("/c"), HasSubstr("older version"),
                                HasSubstr("model.dit"))));
}

TEST(ResumeCheckTest, WhatMayStillBeSkippedIsNotAdded) {
  ScanResult scan;
  for (const char* name : {"a", "b"}) {
    SampleRef sample;
    sample.media_path = absl::StrCat("/data/", name);
    sample.latents_path = absl::StrCat("/cache/", name, ".latents");
    sample.context_path = absl::StrCat("/cache/", name, ".context");
    scan.samples.push_back(sample);
  }
  scan.samples[0].cached = true;
  DataConfig data;
  data.path = "/data";
  const SampleList before = ListSamples("/data", "", {scan.samples[0]});
  EXPECT_THAT(ChangesBeforeEncoding(before, scan, data).added,
              ElementsAre("b"));
  data.on_bad_file = BadFilePolicy::kSkip;
  EXPECT_TRUE(ChangesBeforeEncoding(before, scan, data).none());
  scan.samples[1].cached = true;
  EXPECT_THAT(ChangesBeforeEncoding(before, scan, data).added,
              ElementsAre("b"));
}

}  // namespace
}  // namespace halfpipe
