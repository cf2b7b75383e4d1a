#include "coordinator/job_runner.h"

#include <limits>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "common/memory/rates.h"
#include "common/runtime/failure_notes.h"
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
  EXPECT_THAT(host_.exports, ElementsAre("/out/step-6"));
  const CheckpointManifest& manifest = ledger_.manifests.at("/out/step-4");
  EXPECT_EQ(manifest.data_cursor, 8);
  EXPECT_EQ(manifest.split, 3);            // of 5 blocks
  EXPECT_THAT(manifest.files, SizeIs(4));  // two shards, two formats
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
  heartbeat.activity = "encoding clips 1/2";
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
  EXPECT_FALSE(WorkUntil<EncodeCommand>(0).has_value());
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

// Kills `rank` when it is given a command of type T; the job must end as if
// nothing had happened.
template <typename T>
class KillTest : public JobRunnerTest {};

using EveryCommand =
    ::testing::Types<ScanCommand, EncodeCommand, OpenLinkCommand, StartCommand,
                     StepCommand, SaveCommand, ExportCommand>;
TYPED_TEST_SUITE(KillTest, EveryCommand);

TYPED_TEST(KillTest, TheJobGoesOnFromTheLastCommit) {
  for (int32_t rank : {0, 1}) {
    for (int skip : {0, 1, 2}) {
      this->host_ = FakeHost();
      this->ledger_ = FakeLedger();
      this->Start(MakePlan());
      const auto command = this->template WorkUntil<TypeParam>(rank, skip);
      if (!command.has_value()) continue;  // not that many of them
      this->Kill(rank);
      EXPECT_EQ(this->host_.restarts, 1);
      // What the dead process might still have sent changes nothing.
      this->Deliver(rank,
                    this->stages_[static_cast<size_t>(rank)].Answer(*command));
      this->Work();
      EXPECT_EQ(this->host_.state, JobState::kDone) << this->host_.error;
      EXPECT_THAT(this->host_.committed, ElementsAre(2, 4, 6));
      EXPECT_THAT(this->ledger_.open, IsEmpty());
    }
  }
}

TEST_F(JobRunnerTest, ARestartBeginsAtTheCheckpoint) {
  Start(MakePlan());
  ASSERT_TRUE(WorkUntil<StepCommand>(1, 3).has_value());
  Kill(1);
  const auto start = WorkUntil<StartCommand>(0);
  ASSERT_TRUE(start.has_value());
  EXPECT_EQ(std::get<StartCommand>(start->body).resume_from, "/out/step-2");
  Deliver(0, stages_[0].Answer(*start));
  const auto step = WorkUntil<StepCommand>(0);
  ASSERT_TRUE(step.has_value());
  const StepPlan& plan = std::get<StepCommand>(step->body).plan;
  EXPECT_EQ(plan.step, Step(2));
  EXPECT_EQ(plan.epoch, host_.epoch);
  EXPECT_EQ(plan.microbatches[0].data_position, 4);
}

TEST_F(JobRunnerTest, ResultsOfAnOldEpochAreIgnored) {
  Start(MakePlan());
  const auto old_step = WorkUntil<StepCommand>(0, 1);
  ASSERT_TRUE(old_step.has_value());
  Kill(1);
  const size_t steps = host_.steps.size();
  Deliver(0, stages_[0].Answer(*old_step));
  Deliver(0, Failure(*old_step, absl::AbortedError("epoch over")));
  EXPECT_EQ(host_.restarts, 1);
  EXPECT_THAT(host_.steps, SizeIs(steps));
}

TEST_F(JobRunnerTest, RepeatedResultsAreIgnored) {
  Start(MakePlan());
  const auto scan = Take(0);
  Deliver(0, stages_[0].Answer(*scan));
  const size_t queued = host_.places[0].queue.size();
  Deliver(0, stages_[0].Answer(*scan));
  EXPECT_THAT(host_.places[0].queue, SizeIs(queued));
  Work();
  EXPECT_EQ(host_.state, JobState::kDone);
}

TEST_F(JobRunnerTest, FatalFailuresEndTheJobWithTheirMessage) {
  for (const absl::Status& status :
       {absl::InvalidArgumentError("bad"), absl::NotFoundError("bad"),
        absl::FailedPreconditionError("bad"), absl::DataLossError("bad"),
        absl::ResourceExhaustedError("bad"), absl::InternalError("bad")}) {
    host_ = FakeHost();
    Start(MakePlan());
    const auto step = WorkUntil<StepCommand>(1, 1);
    Deliver(1, Failure(*step, status));
    EXPECT_EQ(host_.state, JobState::kFailed);
    EXPECT_EQ(host_.error.code(), status.code());
    EXPECT_EQ(host_.error.message(), "stage 1, step 1: bad");
    EXPECT_EQ(host_.restarts, 0);
  }
}

// Stages on measured GPUs, and a model that is worth planning for.
class PlannedJobTest : public JobRunnerTest {
 protected:
  static constexpr int64_t kGiB = int64_t{1} << 30;

  PlannedJobTest() {
    for (int32_t rank = 0; rank < 2; ++rank) {
      StageInfo info = MakeStageInfo(rank);
      info.device = absl::StrCat("cuda:", rank);
      info.device_name = "NVIDIA H200";
      info.device_rates = RatesText({MeasuredH200()});
      info.host_available_bytes = 68 * kGiB;
      infos_.push_back(info);
      stages_[static_cast<size_t>(rank)].large = true;
    }
    plan_.config.data.height = 480;
    plan_.config.data.width = 832;
    plan_.config.data.frames = 49;
    plan_.config.train.micro_batches = 8;
    plan_.config.pipeline.gpu_memory_bytes = 24 * kGiB;
  }

  static std::vector<std::string> PlanIn(const StageCommand& start) {
    return std::get<StartCommand>(start.body).memory_plan;
  }

  static bool Offloads(const std::vector<std::string>& plan) {
    return absl::StrContains(absl::StrJoin(plan, " "), "o");
  }

  static absl::Status Refusal(int64_t pinned_bytes) {
    absl::Status status = absl::ResourceExhaustedError("cannot pin");
    SetPinRefusal({.pinned_bytes = pinned_bytes, .asked_bytes = kGiB / 4},
                  &status);
    return status;
  }

  std::vector<StageInfo> infos_;
  JobPlan plan_ = MakePlan();
};

TEST_F(PlannedJobTest, ACapThatCannotBeMetFailsTheJobAndSaysWhatBinds) {
  plan_.config.pipeline.gpu_memory_bytes = 16 * kGiB;
  Start(plan_, {}, infos_);
  Work();
  EXPECT_EQ(host_.state, JobState::kFailed);
  EXPECT_EQ(host_.error.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(host_.error.message(),
              HasSubstr("pipeline.gpu_memory allows 16.00 GiB"));
  EXPECT_THAT(host_.error.message(), HasSubstr("This would fit: "));
  EXPECT_EQ(host_.restarts, 0);
}

TEST_F(PlannedJobTest, WhatOthersTookOfTheGpuIsNotPlannedWith) {
  plan_.config.pipeline.gpu_memory_bytes = 0;
  Start(plan_, {}, infos_);
  const auto scan = WorkUntil<ScanCommand>(0);
  StageHeartbeat heartbeat;
  heartbeat.host_available_bytes = 68 * kGiB;
  heartbeat.device_free_change_bytes = -(MeasuredH200().free_bytes - kGiB);
  runner_->OnHeartbeat(Rank(1), heartbeat, now_);
  Deliver(0, stages_[0].Answer(*scan));
  Work();
  EXPECT_EQ(host_.state, JobState::kFailed);
  EXPECT_THAT(host_.error.message(), HasSubstr("GPU 1 (NVIDIA H200)"));
  EXPECT_THAT(host_.error.message(), HasSubstr("1.00 GiB are free"));
}

TEST_F(PlannedJobTest, OutOfMemoryIsOneErrorWithThePlansFigures) {
  for (bool loading : {true, false}) {
    host_ = FakeHost();
    Start(plan_, {}, infos_);
    const auto command =
        loading ? WorkUntil<StartCommand>(1) : WorkUntil<StepCommand>(1, 1);
    ASSERT_TRUE(command.has_value());
    Deliver(1, Failure(*command, absl::ResourceExhaustedError(
                                     "tried to allocate 20 MiB")));
    EXPECT_EQ(host_.state, JobState::kFailed);
    EXPECT_EQ(host_.error.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_THAT(host_.error.message(),
                HasSubstr(loading ? "stage 1, start: tried to allocate"
                                  : "stage 1, step 1: tried to allocate"));
    EXPECT_THAT(host_.error.message(),
                HasSubstr("of 24.00 GiB on cuda:1 (NVIDIA H200)"));
    EXPECT_THAT(host_.error.message(), HasSubstr("--gpu-memory"));
    EXPECT_EQ(host_.restarts, 0);
  }
}

TEST_F(PlannedJobTest, OutOfMemoryAfterItsEchoAtThePeerIsExplainedToo) {
  Start(plan_, {}, infos_);
  const auto held = HoldStep(0);
  Deliver(0, Failure(held[0], absl::AbortedError("link aborted")));
  now_ += absl::Seconds(4);
  runner_->OnTick(now_);
  ASSERT_EQ(host_.restarts, 1);
  Deliver(1, Failure(held[1], absl::ResourceExhaustedError("oom")));
  EXPECT_EQ(host_.state, JobState::kFailed);
  EXPECT_THAT(host_.error.message(), HasSubstr("on cuda:1 (NVIDIA H200)"));
}

TEST_F(PlannedJobTest, RefusedPinnedMemoryMakesThePlanPinLess) {
  Start(plan_, {}, infos_);
  const auto start = WorkUntil<StartCommand>(1);
  ASSERT_TRUE(start.has_value());
  const std::vector<std::string> before = PlanIn(*start);
  ASSERT_TRUE(Offloads(before));
  Deliver(1, stages_[1].Answer(*start));
  const auto step = WorkUntil<StepCommand>(1);
  ASSERT_TRUE(step.has_value());
  Deliver(1, Failure(*step, Refusal(4 * kGiB)));
  EXPECT_EQ(host_.restarts, 1);
  ASSERT_THAT(host_.warnings, SizeIs(1));
  EXPECT_THAT(host_.warnings[0], HasSubstr("stage 1: cannot pin"));
  EXPECT_THAT(host_.warnings[0], HasSubstr("a plan that pins less"));
  const auto again = WorkUntil<StartCommand>(0);
  ASSERT_TRUE(again.has_value());
  EXPECT_NE(PlanIn(*again)[1], before[1]);
  Deliver(0, stages_[0].Answer(*again));
  Work();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
}

TEST_F(PlannedJobTest, ARefusalAfterItsEchoMakesThePlanPinLessToo) {
  Start(plan_, {}, infos_);
  const auto held = HoldStep(0);
  Deliver(0, Failure(held[0], absl::AbortedError("link aborted")));
  now_ += absl::Seconds(4);
  runner_->OnLost(Rank(0), now_);
  ASSERT_EQ(host_.restarts, 1);
  Deliver(1, Failure(held[1], Refusal(0)));
  EXPECT_EQ(host_.state, JobState::kPreparing);
  EXPECT_THAT(host_.warnings, SizeIs(1));
}

TEST_F(PlannedJobTest, WhereNothingCanBePinnedTheErrorSaysSo) {
  plan_.config.pipeline.gpu_memory_bytes = 20 * kGiB;  // too little without
  Start(plan_, {}, infos_);
  const auto step = WorkUntil<StepCommand>(1);
  ASSERT_TRUE(step.has_value());
  Deliver(1, Failure(*step, Refusal(0)));
  Work();
  EXPECT_EQ(host_.state, JobState::kFailed);
  EXPECT_EQ(host_.error.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(host_.error.message(), HasSubstr("no memory plan fits"));
  EXPECT_THAT(host_.error.message(), HasSubstr("cannot pin"));
  EXPECT_THAT(host_.error.message(), HasSubstr("ulimit -l"));
}

TEST_F(PlannedJobTest, APolicyThatWasAskedForIsNotReplacedAfterARefusal) {
  plan_.config.pipeline.memory = MemoryPolicy::kOffload;
  Start(plan_, {}, infos_);
  const auto step = WorkUntil<StepCommand>(1);
  ASSERT_TRUE(step.has_value());
  Deliver(1, Failure(*step, Refusal(4 * kGiB)));
  EXPECT_EQ(host_.state, JobState::kFailed);
  EXPECT_THAT(host_.error.message(), HasSubstr("ulimit -l"));
}

TEST_F(PlannedJobTest, ALostGpuRestartsTheJobAndTheEventSaysWhich) {
  Start(plan_, {}, infos_);
  const auto step = WorkUntil<StepCommand>(1, 3);
  ASSERT_TRUE(step.has_value());
  absl::Status fault = absl::InternalError("cudaErrorUnknown");
  MarkDeviceFault(&fault);
  Deliver(1, Failure(*step, fault));
  EXPECT_EQ(host_.restarts, 0);
  // The process ends itself; a fresh one finds its GPU again.
  runner_->OnLost(Rank(1), now_);
  host_.places[1] = {};
  EXPECT_EQ(host_.restarts, 1);
  EXPECT_EQ(host_.state, JobState::kPreparing);
  EXPECT_THAT(host_.reason,
              HasSubstr("cuda:1 (NVIDIA H200) on here failed or was lost"));
  runner_->OnJoined(infos_[1], now_);
  Work();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
}

TEST_F(PlannedJobTest, ALostGpuIsTheCauseThoughItsPeerReportsFirst) {
  Start(plan_, {}, infos_);
  const auto held = HoldStep(0);
  absl::Status fault = absl::InternalError("cudaErrorUnknown");
  MarkDeviceFault(&fault);
  Deliver(0, Failure(held[0], absl::AbortedError("link aborted")));
  Deliver(1, Failure(held[1], fault));
  EXPECT_EQ(host_.restarts, 1);
  EXPECT_THAT(host_.restart_reasons.back(), HasSubstr("failed or was lost"));
  EXPECT_EQ(host_.restart_words.back(), "device_fault");
}

TEST_F(PlannedJobTest, AGpuThatStaysAwayIsTheReasonForTheMissingStage) {
  plan_.join_timeout = absl::Seconds(60);
  Start(plan_, {}, infos_);
  const auto held = HoldStep(0);
  absl::Status fault = absl::InternalError("cudaErrorUnknown");
  MarkDeviceFault(&fault);
  Deliver(1, Failure(held[1], fault));
  runner_->OnLost(Rank(1), now_);  // and never comes back: exit code 69
  now_ += absl::Seconds(62);
  runner_->OnTick(now_);
  EXPECT_EQ(host_.state, JobState::kFailed);
  EXPECT_THAT(host_.error.message(), HasSubstr("stage 1 did not join"));
  EXPECT_THAT(host_.error.message(), HasSubstr("failed or was lost"));
}

TEST_F(JobRunnerTest, TheCauseIsReportedNotItsEchoAtThePeer) {
  Start(MakePlan());
  const auto step0 = WorkUntil<StepCommand>(0);
  const auto step1 = WorkUntil<StepCommand>(1);
  ASSERT_TRUE(step0.has_value() && step1.has_value());
  Deliver(0, Failure(*step0, absl::AbortedError("link aborted")));
  EXPECT_EQ(host_.state, JobState::kRunning);
  Deliver(1, Failure(*step1, absl::ResourceExhaustedError("out of memory")));
  EXPECT_EQ(host_.state, JobState::kFailed);
  EXPECT_THAT(host_.reason, HasSubstr("out of memory"));
}

TEST_F(JobRunnerTest, WithoutACauseAnAbortRestarts) {
  Start(MakePlan());
  const auto step0 = WorkUntil<StepCommand>(0);
  ASSERT_TRUE(step0.has_value());
  Deliver(0, Failure(*step0, absl::AbortedError("link aborted")));
  now_ += absl::Seconds(4);
  runner_->OnTick(now_);
  EXPECT_EQ(host_.restarts, 1);
  Work();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
}

TEST_F(JobRunnerTest, GivesUpWhenNothingIsGained) {
  Start(MakePlan());
  for (int i = 0; i < 6 && !runner_->finished(); ++i) {
    ASSERT_TRUE(WorkUntil<StartCommand>(0).has_value()) << i;
    Kill(0);
  }
  EXPECT_EQ(host_.state, JobState::kFailed);
  EXPECT_EQ(host_.restarts, 5);
  EXPECT_THAT(host_.reason, HasSubstr("gave up after 5 restarts"));
  EXPECT_THAT(host_.reason, HasSubstr("stage 0 was lost"));
}

TEST_F(JobRunnerTest, RestartsWithProgressAreNotCounted) {
  JobPlan plan = MakePlan();
  plan.config.train.steps = 20;
  plan.config.output.save_every = {1, 0};
  Start(plan);
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(WorkUntil<StepCommand>(0, 1).has_value()) << i;
    Kill(0);
  }
  Work();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
}

TEST_F(JobRunnerTest, AMissingStageFailsTheJobAfterTheTimeout) {
  JobPlan plan = MakePlan();
  plan.join_timeout = absl::Seconds(60);
  Start(plan, {}, {MakeStageInfo(0)});
  now_ += absl::Seconds(60);
  runner_->OnTick(now_);
  EXPECT_EQ(host_.state, JobState::kPreparing);
  now_ += absl::Seconds(1);
  runner_->OnTick(now_);
  EXPECT_EQ(host_.state, JobState::kFailed);
  EXPECT_THAT(host_.reason, HasSubstr("stage 1 did not join within 1m"));
}

TEST_F(JobRunnerTest, NonFiniteLossFails) {
  stages_[0].loss = std::numeric_limits<double>::quiet_NaN();
  Start(MakePlan());
  Work();
  EXPECT_EQ(host_.state, JobState::kFailed);
  EXPECT_EQ(host_.error.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(host_.reason, HasSubstr("non-finite"));
}

TEST_F(JobRunnerTest, CancelSavesTheLastStep) {
  Start(MakePlan());
  // Step 2 runs on both; step 3 waits.
  const auto [step0, step1] = HoldStep(2);
  EXPECT_FALSE(runner_->WantsAbandon(Rank(0)));
  runner_->Stop(StopKind::kCancel, now_);
  EXPECT_EQ(host_.state, JobState::kCancelling);
  EXPECT_TRUE(runner_->WantsAbandon(Rank(0)));
  EXPECT_TRUE(runner_->WantsAbandon(Rank(1)));
  // It was too late to abandon: both complete step 2.
  Deliver(0, stages_[0].Answer(step0));
  EXPECT_FALSE(runner_->WantsAbandon(Rank(1)));
  Deliver(1, stages_[1].Answer(step1));
  Work();
  EXPECT_EQ(host_.state, JobState::kCancelled);
  EXPECT_THAT(host_.committed, ElementsAre(2, 3));
  EXPECT_THAT(host_.reason, HasSubstr("3 steps"));
}

TEST_F(JobRunnerTest, CancelOfAnAbandonedStepSavesTheOneBefore) {
  JobPlan plan = MakePlan();
  plan.config.output.save_every = {0, 3600};
  Start(plan);
  const auto [step0, step1] = HoldStep(3);
  runner_->Stop(StopKind::kCancel, now_);
  Deliver(0, Failure(step0, absl::CancelledError("abandoned")));
  Deliver(1, Failure(step1, absl::CancelledError("abandoned")));
  Work();
  EXPECT_EQ(host_.state, JobState::kCancelled);
  EXPECT_THAT(host_.committed, ElementsAre(3));
}

TEST_F(JobRunnerTest, HalvesThatDoNotBelongTogetherAreNotSaved) {
  JobPlan plan = MakePlan();
  plan.config.output.save_every = {0, 3600};
  Start(plan);
  const auto [step0, step1] = HoldStep(3);
  runner_->Stop(StopKind::kCancel, now_);
  Deliver(0, stages_[0].Answer(step0));
  Deliver(1, Failure(step1, absl::CancelledError("abandoned")));
  Work();
  EXPECT_EQ(host_.state, JobState::kCancelled);
  EXPECT_THAT(host_.committed, IsEmpty());
}

TEST_F(JobRunnerTest, CancelNowSavesNothing) {
  Start(MakePlan());
  ASSERT_TRUE(WorkUntil<StepCommand>(0, 3).has_value());
  const Epoch before = host_.epoch;
  runner_->Stop(StopKind::kCancelNow, now_);
  EXPECT_EQ(host_.state, JobState::kCancelled);
  EXPECT_GT(host_.epoch, before);  // the running step is void
  ASSERT_FALSE(host_.places[0].queue.empty());
  EXPECT_TRUE(
      std::holds_alternative<EndCommand>(host_.places[0].queue[0].body));
}

TEST_F(JobRunnerTest, CancelDuringASaveLetsItFinish) {
  Start(MakePlan());
  const auto save = WorkUntil<SaveCommand>(0);
  runner_->Stop(StopKind::kCancel, now_);
  Deliver(0, stages_[0].Answer(*save));
  Work();
  EXPECT_EQ(host_.state, JobState::kCancelled);
  EXPECT_THAT(host_.committed, ElementsAre(2));
}

TEST_F(JobRunnerTest, AStageThatHangsDoesNotHoldACancelForEver) {
  Start(MakePlan());
  ASSERT_TRUE(WorkUntil<StepCommand>(0).has_value());
  runner_->Stop(StopKind::kCancel, now_);
  runner_->OnTick(now_ + absl::Seconds(61));
  EXPECT_EQ(host_.state, JobState::kCancelled);
}

TEST_F(JobRunnerTest, AnInterruptedJobIsSavedAndQueued) {
  JobPlan plan = MakePlan();
  plan.config.output.save_every = {0, 3600};
  Start(plan);
  const auto step0 = WorkUntil<StepCommand>(0, 2);
  runner_->Stop(StopKind::kInterrupt, now_);
  Deliver(0, stages_[0].Answer(*step0));
  Work();
  EXPECT_EQ(host_.state, JobState::kQueued);
  EXPECT_THAT(host_.committed, SizeIs(1));
}

TEST_F(JobRunnerTest, AStageThatIsStoppedSavesBeforeTheRestart) {
  JobPlan plan = MakePlan();
  plan.config.output.save_every = {0, 3600};
  Start(plan);
  const auto [step0, step1] = HoldStep(3);
  Deliver(0, Failure(step0, absl::CancelledError("the stage is stopping")));
  EXPECT_TRUE(runner_->WantsAbandon(Rank(1)));
  Deliver(1, Failure(step1, absl::CancelledError("abandoned")));
  ASSERT_TRUE(WorkUntil<ExportCommand>(0).has_value());
  const auto exporting = host_.places[0].delivered;
  Deliver(0, {exporting, host_.epoch, absl::OkStatus(), ExportResult{}});
  EXPECT_THAT(host_.committed, ElementsAre(3));
  EXPECT_EQ(host_.restarts, 1);
  Kill(0);
  Work();
  EXPECT_EQ(host_.state, JobState::kDone) << host_.error;
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
