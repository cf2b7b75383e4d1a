// JobRunner on GPUs: plans within what is free, and what memory does to a job.
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/jobs/failure_notes.h"
#include "common/plan/rates.h"
#include "coordinator/job_runner_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

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

TEST_F(PlannedJobTest, TheJobKeepsTheForecastOfItsPlan) {
  Start(plan_, {}, infos_);
  ASSERT_TRUE(WorkUntil<StartCommand>(1).has_value());
  ASSERT_THAT(host_.forecasts, SizeIs(2));
  EXPECT_EQ(host_.forecasts[1].budget_bytes, 24 * kGiB);
  EXPECT_LE(host_.forecasts[1].peak_bytes, 24 * kGiB);
}

TEST_F(PlannedJobTest, WithoutAPlanNoForecastOfAnOlderOneStays) {
  host_.forecasts.resize(2);
  for (StageInfo& info : infos_) info.device_rates.clear();
  plan_.config.pipeline.gpu_memory_bytes = 0;
  Start(plan_, {}, infos_);
  ASSERT_TRUE(WorkUntil<StartCommand>(1).has_value());
  EXPECT_THAT(host_.forecasts, SizeIs(0));
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
  plan_.config.pipeline.memory = ActivationPolicy::kOffload;
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

}  // namespace
}  // namespace halfpipe
