#include "coordinator/run/job_failure.h"

#include "common/base/disk_full.h"
#include "coordinator/fake_stage.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int64_t kGiB = int64_t{1} << 30;

StageInfo GpuStage() {
  StageInfo stage = MakeStageInfo(1);
  stage.device = "cuda:1";
  stage.device_name = "NVIDIA H200";
  return stage;
}

StageForecast Forecast() {
  return {.peak_bytes = 21 * kGiB,
          .budget_bytes = 22 * kGiB,
          .pinned_bytes = 30 * kGiB};
}

TEST(JobFailureTest, OutOfDeviceMemorySaysWhatWasPlannedAndWhatToSet) {
  const StageForecast forecast = Forecast();
  const absl::Status status = ExplainFailure(
      absl::ResourceExhaustedError("tried to allocate 20 MiB, 3 MiB are free"),
      GpuStage(), &forecast);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(status.message(), HasSubstr("3 MiB are free; the memory plan "
                                          "expected at most 21.00 GiB of "
                                          "22.00 GiB on cuda:1 (NVIDIA H200) "
                                          "on here"));
  EXPECT_THAT(status.message(),
              HasSubstr("(--gpu-memory) to what it leaves free"));
  EXPECT_THAT(status.message(), HasSubstr("set it to 21504MiB"));
  EXPECT_THAT(
      ExplainFailure(absl::ResourceExhaustedError("oom"), GpuStage(), nullptr)
          .message(),
      HasSubstr("pipeline.memory: recompute"));
}

TEST(JobFailureTest, WhatNeedsNoExplanationStaysAsItIs) {
  const StageForecast forecast = Forecast();
  const absl::Status lost = absl::UnavailableError("peer away");
  EXPECT_EQ(ExplainFailure(lost, GpuStage(), &forecast), lost);
  const absl::Status host = absl::ResourceExhaustedError("no memory");
  EXPECT_EQ(ExplainFailure(host, MakeStageInfo(0), nullptr), host);
}

TEST(JobFailureTest, HostMemoryIsNotTheDevices) {
  absl::Status host =
      absl::ResourceExhaustedError("start job: out of host memory");
  MarkFailure(FailureKind::kHostMemory, &host);
  for (const StageInfo& stage : {GpuStage(), MakeStageInfo(0)}) {
    const absl::Status status = ExplainFailure(host, stage, nullptr);
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_THAT(status.message(), HasSubstr("host memory ran out on here"));
    EXPECT_THAT(status.message(), HasSubstr("pipeline.host_memory"));
    EXPECT_THAT(status.message(), Not(HasSubstr("gpu_memory")));
  }
}

TEST(JobFailureTest, AFullDiskIsNoMemory) {
  absl::Status full = absl::ResourceExhaustedError("no space left");
  MarkDiskFull(&full);
  EXPECT_EQ(ExplainFailure(full, GpuStage(), nullptr), full);
}

TEST(JobFailureTest, NcclsFailuresSayWhereToLook) {
  absl::Status nccl =
      absl::UnavailableError("ncclSend: unhandled system error; (none)");
  MarkFailure(FailureKind::kNccl, &nccl);
  const absl::Status status = ExplainFailure(nccl, GpuStage(), nullptr);
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_THAT(status.message(), HasSubstr("NCCL_DEBUG=INFO"));
  EXPECT_THAT(status.message(), HasSubstr("cuda:1 (NVIDIA H200) on here"));
}

TEST(JobFailureTest, OnlyAFailedStepIsNonFinite) {
  EXPECT_TRUE(IsNonFinite(NonFiniteError("step 3: non-finite gradient norm")));
  EXPECT_FALSE(IsNonFinite(absl::FailedPreconditionError("no job")));
  EXPECT_FALSE(IsNonFinite(absl::InternalError("non-finite")));
  EXPECT_FALSE(IsNonFinite(absl::OkStatus()));
}

TEST(JobFailureTest, AMessageDecidesNothing) {
  const StageForecast forecast = Forecast();
  for (const char* text : {"/data/nccl/a.mp4 is missing", "non-finite",
                           "out of host memory", "NCCL"}) {
    const absl::Status status = absl::InvalidArgumentError(text);
    EXPECT_EQ(ExplainFailure(status, GpuStage(), &forecast), status);
    EXPECT_FALSE(IsNonFinite(status));
    EXPECT_EQ(RestartReason(status), "other");
  }
}

TEST(JobFailureTest, ALostGpuIsNamed) {
  absl::Status fault = absl::InternalError("cudaErrorUnknown");
  MarkDeviceFault(&fault);
  const absl::Status status = ExplainFailure(fault, GpuStage(), nullptr);
  EXPECT_THAT(status.message(),
              HasSubstr("cuda:1 (NVIDIA H200) on here failed or was lost"));
  EXPECT_THAT(status.message(), HasSubstr("Xid"));
  EXPECT_TRUE(IsDeviceFault(status));
}

TEST(JobFailureTest, ARefusalNamesTheLimitsToRaise) {
  absl::Status refused = absl::ResourceExhaustedError("cannot pin");
  SetPinRefusal({.pinned_bytes = 12 * kGiB, .asked_bytes = kGiB}, &refused);
  const StageForecast forecast = Forecast();
  const absl::Status status =
      ExplainFailure(refused, MakeStageInfo(0), &forecast);
  EXPECT_THAT(status.message(), HasSubstr("pins up to 30.00 GiB"));
  EXPECT_THAT(status.message(), HasSubstr("ulimit -l"));
  EXPECT_THAT(status.message(), HasSubstr("LimitMEMLOCK="));
  EXPECT_THAT(status.message(), HasSubstr("--host-memory"));
  EXPECT_TRUE(PinRefusalOf(status).has_value());
}

TEST(JobFailureTest, LimitsFallWithEveryRefusalUntilNothingIsPinned) {
  const std::vector<StageForecast> forecasts = {{.pinned_bytes = 30},
                                                {.pinned_bytes = 20}};
  EXPECT_THAT(LimitsAfterRefusal(forecasts, {}, 0, {12, 5}, 0),
              ElementsAre(12, 20));
  EXPECT_THAT(LimitsAfterRefusal(forecasts, {40, 8}, 1, {6, 5}, 1),
              ElementsAre(30, 6));
  // It had pinned all that was planned: clips of several sizes.
  EXPECT_THAT(LimitsAfterRefusal(forecasts, {}, 1, {25, 5}, 0),
              ElementsAre(30, 15));
  EXPECT_THAT(LimitsAfterRefusal(forecasts, {}, 1, {20, 0}, 0),
              ElementsAre(30, 19));
  EXPECT_THAT(LimitsAfterRefusal(forecasts, {}, 1, {18, 5}, 3),
              ElementsAre(30, 0));
}

TEST(JobFailureTest, ARestartHasOneOfAFewReasons) {
  EXPECT_EQ(RestartReason(absl::UnavailableError("stage 0 was lost")),
            "stage_lost");
  EXPECT_EQ(RestartReason(absl::AbortedError("the link was closed")), "link");
  EXPECT_EQ(RestartReason(absl::DeadlineExceededError("")), "timeout");
  EXPECT_EQ(RestartReason(absl::CancelledError("")), "stopping");
  EXPECT_EQ(RestartReason(NonFiniteError("a non-finite norm")), "nonfinite");
  EXPECT_EQ(RestartReason(absl::InternalError("what is this")), "other");
  absl::Status stuck = absl::UnavailableError("stage 0 is stuck");
  MarkStuck(&stuck);
  EXPECT_EQ(RestartReason(stuck), "stuck");
  absl::Status fault = absl::InternalError("Xid");
  MarkDeviceFault(&fault);
  EXPECT_EQ(RestartReason(fault), "device_fault");
  absl::Status refused = absl::ResourceExhaustedError("cannot pin");
  SetPinRefusal({.pinned_bytes = 1, .asked_bytes = 1}, &refused);
  EXPECT_EQ(RestartReason(refused), "pin_refused");
}

}  // namespace
}  // namespace halfpipe
