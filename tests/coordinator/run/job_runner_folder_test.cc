// The runner and what lies in its output folder already.
#include <string>

#include "coordinator/job_runner_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class JobRunnerFolderTest : public JobRunnerTest {
 protected:
  JobRunnerFolderTest() {
    plan_ = MakePlan();
    plan_.config.data.path = "/data";
    plan_.config_digest = ConfigDigest(plan_.config);
  }

  // Runs the job to its end; its checkpoints stay in the folder, and nobody
  // but the folder knows of them.
  void Finish() {
    Start(plan_);
    Work();
    ASSERT_EQ(host_.state, JobState::kDone) << host_.error;
    Forget();
  }

  // The same, stopped behind `step`.
  void StopAt(int64_t step) {
    Start(plan_);
    (void)HoldStep(step);
    Forget();
  }

  void Forget() {
    host_ = FakeHost();
    stages_ = {FakeStage{.rank = 0}, FakeStage{.rank = 1}};
  }

  void Edit(const std::function<void(JobConfig&)>& edit) {
    edit(plan_.config);
    plan_.config_digest = ConfigDigest(plan_.config);
  }

  void RunAgain() {
    Start(plan_);
    Work();
  }

  void ExpectRefusal(const std::string& part, const std::string& other) {
    EXPECT_EQ(host_.state, JobState::kFailed);
    // Of other content, or of what the job itself asks.
    EXPECT_TRUE(absl::IsInvalidArgument(host_.error) ||
                absl::IsAlreadyExists(host_.error))
        << host_.error;
    EXPECT_THAT(host_.reason, AllOf(HasSubstr(part), HasSubstr(other)));
  }

  JobPlan plan_;
};

TEST_F(JobRunnerFolderTest, AStoppedJobGoesOnWhoeverStartedIt) {
  StopAt(4);
  plan_.id = "another";
  RunAgain();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_THAT(host_.adopted, ElementsAre(2, 4));
  EXPECT_THAT(host_.committed, ElementsAre(6));
  EXPECT_THAT(host_.warnings, IsEmpty());
}

TEST_F(JobRunnerFolderTest, AFinishedJobTrainsNothingAgain) {
  Finish();
  RunAgain();
  EXPECT_EQ(host_.state, JobState::kDone);
  EXPECT_THAT(host_.steps, IsEmpty());
  EXPECT_THAT(host_.exports, ElementsAre("/out/step-6"));
}

TEST_F(JobRunnerFolderTest, MoreStepsGoOn) {
  Finish();
  Edit([](JobConfig& config) { config.train.steps = 8; });
  RunAgain();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_THAT(host_.committed, ElementsAre(8));
  EXPECT_THAT(host_.warnings, ElementsAre(HasSubstr("was 6 and is 8")));
}

TEST_F(JobRunnerFolderTest, FewerStepsThanAreDoneAreRefused) {
  Finish();
  Edit([](JobConfig& config) { config.train.steps = 4; });
  RunAgain();
  ExpectRefusal("train.steps", "write at least 6");
  EXPECT_THAT(ledger_.manifests, SizeIs(3));
}

// Its LoRA is that of a job that was made with so many steps, metadata
// included, and is found to be its own when the job runs once more.
TEST_F(JobRunnerFolderTest, AsManyStepsAsAreDoneEndTheJob) {
  StopAt(4);
  Edit([](JobConfig& config) { config.train.steps = 4; });
  Start(plan_);
  const auto exporting = WorkUntil<ExportCommand>(0);
  ASSERT_TRUE(exporting.has_value()) << host_.error;
  const auto& body = std::get<ExportCommand>(exporting->body);
  EXPECT_THAT(body.formats, ElementsAre("diffsynth", "comfyui"));
  EXPECT_EQ(body.metadata.at("halfpipe.config_digest"), plan_.config_digest);
  const CheckpointManifest& before = ledger_.manifests.at("/out/step-4");
  EXPECT_EQ(before.files.size(), 3)
      << "files that are being written are listed";
  Deliver(0, stages_[0].Answer(*exporting));
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_THAT(host_.steps, IsEmpty());
  const CheckpointManifest& after = ledger_.manifests.at("/out/step-4");
  EXPECT_EQ(after.config_digest, plan_.config_digest);
  EXPECT_EQ(after.config.at("train.steps"), "4");
  EXPECT_EQ(after.files.size(), 5);
}

TEST_F(JobRunnerFolderTest, AnotherJobIsRefusedAndNothingIsTouched) {
  Finish();
  const auto before = ledger_.manifests;
  Edit([](JobConfig& config) { config.train.seed = 9; });
  RunAgain();
  ExpectRefusal("train.seed was 0 and is 9", "--replace");
  EXPECT_EQ(ledger_.manifests, before);
  EXPECT_THAT(ledger_.moved, IsEmpty());
}

TEST_F(JobRunnerFolderTest, ReplaceKeepsTheOldAndStartsAnew) {
  Finish();
  ledger_.loras = {{"/out/lora.comfyui.safetensors", std::string(64, 'b'), 6}};
  ledger_.curves = {"/out/metrics"};
  Edit([](JobConfig& config) { config.train.seed = 9; });
  plan_.replace = true;
  Start(plan_);
  ledger_.loras.clear();
  Work();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_THAT(ledger_.moved,
              ElementsAre("/out/step-2", "/out/step-4", "/out/step-6",
                          "/out/lora.comfyui.safetensors", "/out/metrics"));
  EXPECT_THAT(host_.committed, ElementsAre(2, 4, 6));
  EXPECT_THAT(host_.warnings,
              ElementsAre(HasSubstr("4 checkpoints and LoRA files of another "
                                    "job are kept in /out/replaced")));
}

// A later start of the same job finds its own, and replaces nothing.
TEST_F(JobRunnerFolderTest, ReplaceLeavesOwnCheckpointsAlone) {
  StopAt(4);
  plan_.replace = true;
  RunAgain();
  EXPECT_THAT(ledger_.moved, IsEmpty());
  EXPECT_THAT(host_.committed, ElementsAre(6));
}

TEST_F(JobRunnerFolderTest, WhatTheBookHasAndTheFolderHasNotIsForgotten) {
  plan_.replace = true;
  Start(plan_, {{2, "/out/step-2"}});
  Work();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_THAT(host_.forgotten, ElementsAre(2));
}

TEST_F(JobRunnerFolderTest, ACheckSaysWhatARunWould) {
  Finish();
  Edit([](JobConfig& config) { config.train.seed = 9; });
  plan_.kind = JobKind::kCheck;
  RunAgain();
  ExpectRefusal("train.seed", "--replace");
  Forget();
  plan_.replace = true;
  RunAgain();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_THAT(ledger_.moved, IsEmpty());
  EXPECT_THAT(host_.adopted, IsEmpty());
}

TEST_F(JobRunnerFolderTest, TheOtherExpertIsRefusedBeforeAnythingIsEncoded) {
  StopAt(4);
  stages_[0].model_digest = "low noise";
  Start(plan_);
  EXPECT_FALSE(WorkUntil<EncodeCommand>(0).has_value());
  ExpectRefusal("model.dit", "/out/step-4");
}

TEST_F(JobRunnerFolderTest, ReplaceBeginsAnewOnOtherWeights) {
  StopAt(4);
  ledger_.loras = {{"/out/lora.comfyui.safetensors", plan_.config_digest, 6}};
  stages_[0].model_digest = "low noise";
  plan_.replace = true;
  RunAgain();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_THAT(ledger_.moved, ElementsAre("/out/step-2", "/out/step-4",
                                         "/out/lora.comfyui.safetensors"));
  EXPECT_THAT(host_.forgotten, ElementsAre(2, 4));
  EXPECT_THAT(host_.committed, ElementsAre(2, 4, 6));
  EXPECT_EQ(ledger_.manifests.at("/out/step-6").model_digest, "low noise");
}

TEST_F(JobRunnerFolderTest, ACheckWithReplaceLeavesOtherWeightsAlone) {
  StopAt(4);
  stages_[0].model_digest = "low noise";
  plan_.kind = JobKind::kCheck;
  plan_.replace = true;
  RunAgain();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_THAT(ledger_.moved, IsEmpty());
  EXPECT_THAT(host_.forgotten, IsEmpty());
}

TEST_F(JobRunnerFolderTest, ACheckSaysThatEveryCheckpointIsDamaged) {
  StopAt(4);
  ledger_.damaged = {"/out/step-2", "/out/step-4"};
  for (const JobKind kind : {JobKind::kCheck, JobKind::kTrain}) {
    plan_.kind = kind;
    RunAgain();
    EXPECT_EQ(host_.state, JobState::kFailed);
    EXPECT_EQ(host_.error.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(host_.reason, AllOf(HasSubstr("/out/step-4"),
                                    HasSubstr("No checkpoint in /out can be "
                                              "used"),
                                    HasSubstr("--replace")));
    Forget();
  }
  ledger_.damaged = {"/out/step-4"};
  plan_.kind = JobKind::kCheck;
  RunAgain();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_THAT(host_.warnings, ElementsAre(HasSubstr("/out/step-4 cannot be")));
  EXPECT_THAT(ledger_.set_aside, IsEmpty());
}

TEST_F(JobRunnerFolderTest, AStopBeforeTheStepsTellsOfTheCheckpoints) {
  StopAt(4);
  Start(plan_);
  runner_->Stop(StopKind::kCancel, now_);
  EXPECT_EQ(host_.reason, "the last checkpoint has 4 steps");
}

TEST_F(JobRunnerFolderTest, AnotherStartIsRefused) {
  StopAt(4);
  stages_[0].init_digest = "a LoRA";
  RunAgain();
  ExpectRefusal("lora.init_from", "fresh");
}

TEST_F(JobRunnerFolderTest, ACheckpointWithoutARecordOpensWithAWarning) {
  StopAt(4);
  for (auto& [directory, manifest] : ledger_.manifests) {
    manifest.config.clear();
    manifest.model_digest.clear();
  }
  ledger_.samples.clear();
  RunAgain();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_THAT(host_.committed, ElementsAre(6));
  EXPECT_THAT(host_.warnings, ElementsAre(HasSubstr("older version")));
}

TEST_F(JobRunnerFolderTest, AddedAndChangedSamplesAreRefusedByName) {
  StopAt(4);
  stages_[0].samples = 4;
  stages_[0].data_digest = "more data";
  Start(plan_);
  EXPECT_FALSE(WorkUntil<EncodeCommand>(0).has_value());
  ExpectRefusal("1 sample was added (3.mp4)", "--accept-data");
}

TEST_F(JobRunnerFolderTest, AcceptedDataGoOn) {
  StopAt(4);
  stages_[0].samples = 4;
  stages_[0].data_digest = "more data";
  plan_.accept_data = true;
  RunAgain();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_THAT(host_.committed, ElementsAre(6));
  EXPECT_THAT(host_.warnings, Contains(HasSubstr("3.mp4")));
  EXPECT_EQ(ledger_.manifests.at("/out/step-6").data_digest, "more data");
}

TEST_F(JobRunnerFolderTest, ReplaceBeginsAnewOnOtherData) {
  StopAt(4);
  stages_[0].samples = 4;
  stages_[0].data_digest = "more data";
  plan_.replace = true;
  RunAgain();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_THAT(ledger_.moved, ElementsAre("/out/step-2", "/out/step-4"));
  EXPECT_THAT(host_.committed, ElementsAre(2, 4, 6));
  EXPECT_EQ(ledger_.manifests.at("/out/step-6").data_digest, "more data");
}

TEST_F(JobRunnerFolderTest, AcceptedDataAreNotReplaced) {
  StopAt(4);
  stages_[0].samples = 4;
  stages_[0].data_digest = "more data";
  plan_.replace = plan_.accept_data = true;
  RunAgain();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_THAT(ledger_.moved, IsEmpty());
  EXPECT_THAT(host_.committed, ElementsAre(6));
}

// Clips under other names come in another order; the checkpoint's counts.
TEST_F(JobRunnerFolderTest, RenamedClipsKeepTheirOrder) {
  StopAt(4);
  Start(plan_);
  const auto scan = Take(0);
  ScanResult renamed = std::get<ScanResult>(stages_[0].Answer(scan->body));
  std::swap(renamed.samples[0], renamed.samples[2]);
  renamed.samples[0].media_path = "/data/a-new-name.mp4";
  renamed.data_digest = "in another order";
  Deliver(0, {scan->sequence, scan->epoch, absl::OkStatus(), renamed});
  Work();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_THAT(host_.warnings, IsEmpty());
  EXPECT_EQ(ledger_.manifests.at("/out/step-6").data_digest, "data");
  const SampleList& list = ledger_.samples.at("/out/step-6");
  EXPECT_EQ(list.samples[0].latents, "0.latents");
  EXPECT_EQ(list.samples[2].name, "a-new-name.mp4");
}

TEST_F(JobRunnerFolderTest, OtherHeldOutSamplesAreOtherData) {
  stages_[0].samples = 5;
  Edit([](JobConfig& config) { config.validation.samples = 1; });
  StopAt(4);
  Edit([](JobConfig& config) { config.validation.samples = 2; });
  for (const JobKind kind : {JobKind::kCheck, JobKind::kTrain}) {
    Forget();
    stages_[0].samples = 5;
    plan_.kind = kind;
    Start(plan_);
    EXPECT_FALSE(WorkUntil<EncodeCommand>(0).has_value());
    ExpectRefusal("held out", "--accept-data");
  }
}

TEST_F(JobRunnerFolderTest, OtherHeldOutMadeUpSamplesAreOtherData) {
  stages_[0].samples = 5;
  Edit([](JobConfig& config) {
    config.data.path.clear();
    config.data.random.samples = 5;
    config.validation.samples = 1;
  });
  StopAt(4);
  stages_[0].samples = 5;
  Edit([](JobConfig& config) { config.validation.samples = 2; });
  Start(plan_);
  EXPECT_FALSE(WorkUntil<EncodeCommand>(0).has_value());
  ExpectRefusal("held out", "--accept-data");
}

TEST_F(JobRunnerFolderTest, TooManyHeldOutAreRefusedBeforeAnythingIsEncoded) {
  Edit([](JobConfig& config) { config.validation.samples = 3; });
  plan_.kind = JobKind::kCheck;
  Start(plan_);
  EXPECT_FALSE(WorkUntil<EncodeCommand>(0).has_value());
  ExpectRefusal("validation.samples", "leaves none to train on");
}

// What an older version wrote has no list; its digest is compared as early.
TEST_F(JobRunnerFolderTest, OtherDataOfAnOlderVersionAreSeenByACheck) {
  StopAt(4);
  ledger_.samples.clear();
  stages_[0].data_digest = "other data";
  plan_.kind = JobKind::kCheck;
  Start(plan_);
  EXPECT_FALSE(WorkUntil<EncodeCommand>(0).has_value());
  ExpectRefusal("recorded no list", "--accept-data");
}

TEST_F(JobRunnerFolderTest, AFormatThatWasAskedForLaterIsAdded) {
  Finish();
  Edit([](JobConfig& config) {
    config.output.formats = {LoraFormat::kDiffSynth, LoraFormat::kDiffusers};
  });
  Start(plan_);
  const auto exporting = WorkUntil<ExportCommand>(0);
  ASSERT_TRUE(exporting.has_value());
  const auto& body = std::get<ExportCommand>(exporting->body);
  EXPECT_THAT(body.formats, ElementsAre("diffusers"));
  EXPECT_EQ(body.directory, "/out/step-6");
  Deliver(0, stages_[0].Answer(*exporting));
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_THAT(host_.steps, IsEmpty());
  EXPECT_EQ(ledger_.manifests.at("/out/step-6").files.back().name,
            "lora.diffusers.safetensors");
}

}  // namespace
}  // namespace halfpipe
