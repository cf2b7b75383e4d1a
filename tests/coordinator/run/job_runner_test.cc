#include "coordinator/run/job_runner.h"

#include <vector>

#include "coordinator/job_runner_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(JobRunnerTest, RunsAJobToItsEnd) {
  Start(MakePlan());
  Work();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_TRUE(runner_->finished());
  EXPECT_THAT(host_.committed, ElementsAre(2, 4, 6));
  ASSERT_THAT(host_.steps, SizeIs(6));
  EXPECT_EQ(host_.ranks_reported, std::vector<size_t>(6, 2));
  EXPECT_EQ(host_.steps.back().steps_done, 6);
  EXPECT_EQ(host_.steps.back().loss, 0.5);
  EXPECT_NEAR(host_.steps.back().stages[0].idle_ratio, 0.25, 1e-12);
  const DeviceMemoryUse memory = {.weights_bytes = 31, .free_bytes = 5};
  EXPECT_EQ(host_.steps.back().stages[1].device_memory, memory);
  EXPECT_THAT(host_.exports, ElementsAre("/out/step-6"));
  const CheckpointManifest& manifest = ledger_.manifests.at("/out/step-4");
  EXPECT_EQ(manifest.data_cursor, 8);
  EXPECT_EQ(manifest.split, 3);  // of 5 blocks
  // Two shards, two formats, and the list of samples.
  EXPECT_THAT(manifest.files, SizeIs(5));
  EXPECT_EQ(manifest.model_digest, "model");
  EXPECT_EQ(manifest.device, "cpu");
  EXPECT_THAT(ledger_.open, IsEmpty());
  EXPECT_EQ(host_.restarts, 0);
}

TEST_F(JobRunnerTest, AStageAlwaysFindsItsNextStepQueued) {
  JobPlan plan = MakePlan();
  plan.config.output.save_every = {0, 3600};
  Start(plan);
  (void)HoldStep(2);
  EXPECT_THAT(host_.places[0].queue, SizeIs(1));
  EXPECT_THAT(host_.places[1].queue, SizeIs(1));
}

TEST_F(JobRunnerTest, EachStageIsGivenTheMemoryPlan) {
  Start(MakePlan());
  const auto start = WorkUntil<StartCommand>(1);
  ASSERT_TRUE(start.has_value());
  const auto& body = std::get<StartCommand>(start->body);
  EXPECT_THAT(body.memory_plan, ElementsAre("3*krrrrrrr", "2*krrrrrrr"));
  EXPECT_THAT(body.ffn_chunks, ElementsAre(1, 1));
}

TEST_F(JobRunnerTest, APlanThatCannotBeMadeFailsTheJob) {
  std::vector<StageInfo> stages = {MakeStageInfo(0), MakeStageInfo(1)};
  for (StageInfo& stage : stages) stage.device_rates = "not measured";
  Start(MakePlan(), {}, stages);
  Work();
  EXPECT_EQ(host_.state, JobState::kFailed);
  EXPECT_THAT(host_.error.message(), HasSubstr("rates of stage 0"));
}

TEST_F(JobRunnerTest, NoStepIsIssuedPastASave) {
  Start(MakePlan());
  ASSERT_TRUE(WorkUntil<SaveCommand>(0).has_value());
  EXPECT_THAT(host_.places[0].queue, IsEmpty());
  EXPECT_THAT(host_.steps, SizeIs(2));
  EXPECT_EQ(host_.state, JobState::kSaving);
}

TEST_F(JobRunnerTest, SavesByTime) {
  JobPlan plan = MakePlan();
  plan.config.output.save_every = {0, 60};
  Start(plan);
  const auto step = WorkUntil<StepCommand>(0, 2);
  ASSERT_TRUE(step.has_value());
  now_ += absl::Seconds(61);
  Deliver(0, stages_[0].Answer(*step));
  Work();
  EXPECT_EQ(host_.state, JobState::kDone);
  ASSERT_THAT(host_.committed, SizeIs(2));
  EXPECT_LT(host_.committed[0], 6);
}

TEST_F(JobRunnerTest, EncodesOnlyWhatIsNotCachedAndSharesIt) {
  stages_[0].samples = 5;
  Start(MakePlan());
  auto scan = Take(0);
  ScanResult result = std::get<ScanResult>(stages_[0].Answer(scan->body));
  result.samples[1].cached = true;
  Deliver(0, {scan->sequence, scan->epoch, absl::OkStatus(), result});
  const auto share0 = std::get<EncodeCommand>(Take(0)->body);
  const auto share1 = std::get<EncodeCommand>(Take(1)->body);
  EXPECT_THAT(share0.samples, SizeIs(2));
  EXPECT_THAT(share1.samples, SizeIs(2));
  StageHeartbeat heartbeat;
  heartbeat.epoch = host_.epoch;
  heartbeat.progress = {StageWork::kEncodingClips, 1, 2};
  runner_->OnHeartbeat(Rank(1), heartbeat, now_);
  EXPECT_THAT(host_.encodings, ElementsAre(1, 2));
}

TEST_F(JobRunnerTest, RejectedSamplesFailTheJobWithAllOfThem) {
  Start(MakePlan());
  Deliver(0, stages_[0].Answer(*Take(0)));
  const auto encode0 = Take(0);
  const auto encode1 = Take(1);
  ASSERT_TRUE(encode0.has_value() && encode1.has_value());
  Deliver(0, {encode0->sequence, encode0->epoch, absl::OkStatus(),
              EncodeResult{1, {"b.mp4: 3 frames"}}});
  Deliver(1, {encode1->sequence, encode1->epoch, absl::OkStatus(),
              EncodeResult{0, {"a.mp4: truncated"}}});
  EXPECT_EQ(host_.state, JobState::kFailed);
  EXPECT_EQ(host_.error.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(host_.reason, HasSubstr("a.mp4: truncated\nb.mp4: 3 frames"));
}

TEST_F(JobRunnerTest, CheckAndPrepareStopEarly) {
  JobPlan plan = MakePlan();
  plan.kind = JobKind::kCheck;
  Start(plan);
  EXPECT_FALSE(WorkUntil<OpenLinkCommand>(0).has_value());
  EXPECT_EQ(host_.state, JobState::kDone);

  host_ = FakeHost();
  plan.kind = JobKind::kPrepare;
  Start(plan);
  EXPECT_FALSE(WorkUntil<OpenLinkCommand>(0).has_value());
  EXPECT_EQ(host_.state, JobState::kDone);
}

TEST_F(JobRunnerTest, OneStageNeedsNoPeerAndNoLink) {
  JobPlan plan = MakePlan();
  plan.config.pipeline.stages = 1;
  Start(plan, {}, {MakeStageInfo(0)});
  EXPECT_FALSE(WorkUntil<OpenLinkCommand>(0).has_value());
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
  EXPECT_EQ(ledger_.manifests.at("/out/step-6").split, 5);
}

TEST_F(JobRunnerTest, StagesThatDisagreeOnTheBoundaryFail) {
  Start(MakePlan());
  const auto start = WorkUntil<StartCommand>(1);
  ASSERT_TRUE(start.has_value());
  Deliver(1, {start->sequence, start->epoch, absl::OkStatus(),
              StartResult{"other", 0, 0}});
  Work();
  EXPECT_EQ(host_.state, JobState::kFailed);
  EXPECT_THAT(host_.reason, HasSubstr("disagree"));
}

TEST_F(JobRunnerTest, AFailedSaveLeavesNothingAndFailsTheJob) {
  ledger_.commit_error = absl::ResourceExhaustedError("disk full");
  Start(MakePlan());
  Work();
  EXPECT_EQ(host_.state, JobState::kFailed);
  EXPECT_THAT(host_.reason, HasSubstr("disk full"));
  EXPECT_THAT(host_.committed, IsEmpty());
  EXPECT_THAT(ledger_.open, IsEmpty());
}

TEST_F(JobRunnerTest, WhatTheDatabaseDoesNotTakeIsNotCommitted) {
  host_.commit_error = absl::ResourceExhaustedError("disk full");
  Start(MakePlan());
  Work();
  EXPECT_EQ(host_.state, JobState::kFailed);
}

TEST_F(JobRunnerTest, KeepsTheNewest) {
  JobPlan plan = MakePlan();
  plan.config.output.keep = 2;
  plan.config.output.save_every = {1, 0};
  Start(plan);
  Work();
  EXPECT_THAT(host_.forgotten, ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(ledger_.manifests, SizeIs(2));
}

TEST_F(JobRunnerTest, ADamagedCheckpointIsPassedOver) {
  Start(MakePlan());
  Work();
  ledger_.manifests.erase("/out/step-4");
  ledger_.manifests.erase("/out/step-6");
  host_ = FakeHost();
  Start(MakePlan(), {{2, "/out/step-2", {}, 0}, {4, "/out/step-4", {}, 0}});
  const auto start = WorkUntil<StartCommand>(0);
  ASSERT_TRUE(start.has_value());
  EXPECT_EQ(std::get<StartCommand>(start->body).resume_from, "/out/step-2");
}

TEST_F(JobRunnerTest, OnlyDamagedCheckpointsFail) {
  Start(MakePlan(), {{2, "/out/step-2", {}, 0}});
  Work();
  EXPECT_EQ(host_.state, JobState::kFailed);
  EXPECT_EQ(host_.error.code(), absl::StatusCode::kDataLoss);
}

TEST_F(JobRunnerTest, AJobThatLacksNothingOnlyPublishes) {
  Start(MakePlan());
  Work();
  host_ = FakeHost();
  Start(MakePlan(), {{6, "/out/step-6", {}, 0}});
  EXPECT_FALSE(WorkUntil<StartCommand>(0).has_value());
  EXPECT_EQ(host_.state, JobState::kDone);
  EXPECT_THAT(host_.exports, ElementsAre("/out/step-6"));
}

}  // namespace
}  // namespace halfpipe
