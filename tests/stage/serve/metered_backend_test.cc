#include "stage/serve/metered_backend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/metrics/metrics_registry.h"
#include "support/fake_stage_backend.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// What a stage would report, instead of the fake's zeros.
class MeasuringBackend : public FakeStageBackend {
 public:
  absl::StatusOr<StartResult> Start(Epoch, const StartCommand& command,
                                    std::stop_token) override {
    if (command.job == "broken") return absl::NotFoundError("no model");
    StartResult result{
        .boundary_digest = "digest", .load_seconds = 12.5, .layers = 20};
    if (command.continue_at == 0) result.weight_bytes_read = weight_bytes;
    return result;
  }

  absl::StatusOr<ScanResult> Scan(const ScanCommand&,
                                  std::stop_token) override {
    ScanResult result;
    result.cache = {.latents_hits = 5, .latents_misses = 2, .context_hits = 7};
    return result;
  }

  absl::StatusOr<EncodeResult> Encode(const EncodeCommand&,
                                      std::stop_token) override {
    EncodeResult result;
    result.rejected_by_reason = {{"timeout", 2}};
    result.loads = {{"vae", 1.5, 1000}};
    return result;
  }

  int64_t weight_bytes = 4096;

  absl::StatusOr<StepResult> Step(const StepCommand& command,
                                  std::stop_token stop) override {
    if (stop.stop_requested()) return absl::CancelledError("step abandoned");
    StepResult result;
    result.report.step = command.plan.step;
    result.report.step_seconds = 2.0;
    result.report.busy_seconds = 1.5;
    result.report.device_memory.activations_bytes = 4096;
    result.report.pinned_host_bytes = 77;
    return result;
  }
};

class MeteredBackendTest : public ::testing::Test {
 protected:
  std::string Text() const { return registry_.Text(); }

  MetricsRegistry registry_;
  StageMetrics metrics_{1, "GPU-7", &registry_};
  MeasuringBackend measured_;
  MeteredBackend backend_{&measured_, &metrics_};
};

TEST_F(MeteredBackendTest, EveryCommandReachesTheBackend) {
  FakeStageBackend fake;
  MeteredBackend backend(&fake, &metrics_);
  EXPECT_TRUE(backend.Scan({}, {}).ok());
  EXPECT_TRUE(backend.Encode({}, {}).ok());
  EXPECT_TRUE(backend.OpenLink({}, {}).ok());
  EXPECT_TRUE(backend.Start(Epoch(3), {}, {}).ok());
  EXPECT_TRUE(backend.Step({}, {}).ok());
  EXPECT_TRUE(backend.Save({}, {}).ok());
  EXPECT_TRUE(backend.Export({}, {}).ok());
  EXPECT_TRUE(backend.End({}, {}).ok());
  EXPECT_EQ(fake.ran(),
            (std::vector<std::string>{"scan", "encode", "open-link", "start",
                                      "step", "save", "export", "end"}));
  EXPECT_EQ(backend.activity().progress.work, StageWork::kTraining);
  EXPECT_EQ(backend.activity().action_index, 3);
}

TEST_F(MeteredBackendTest, StepsAndLoadsAreCounted) {
  StepCommand command;
  command.plan.step = Step(41);
  for (int i = 0; i < 2; ++i) {
    auto result = backend_.Step(command, {});
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->report.step, Step(41));
  }
  auto started = backend_.Start(Epoch(1), {}, {});
  ASSERT_TRUE(started.ok());
  EXPECT_EQ(started->boundary_digest, "digest");
  EXPECT_THAT(Text(), HasSubstr("halfpipe_stage_steps_total{stage=\"1\"} 2\n"));
  EXPECT_THAT(Text(), HasSubstr("kind=\"activations\",stage=\"1\"} 4096\n"));
  EXPECT_THAT(Text(), HasSubstr("} 77\n"));
  EXPECT_THAT(Text(), HasSubstr("halfpipe_model_load_seconds{part=\"dit\","
                                "stage=\"1\"} 12.5\n"));
}

TEST_F(MeteredBackendTest, LoadsAndCachesAreCounted) {
  ASSERT_TRUE(backend_.Scan({}, {}).ok());
  ASSERT_TRUE(backend_.Encode({}, {}).ok());
  ASSERT_TRUE(backend_.Start(Epoch(1), {}, {}).ok());
  measured_.weight_bytes = 0;  // the next job finds them in memory
  ASSERT_TRUE(backend_.Start(Epoch(2), {}, {}).ok());
  StartCommand again;
  again.continue_at = 3;  // neither loads nor asks for weights
  ASSERT_TRUE(backend_.Start(Epoch(3), again, {}).ok());
  const std::string text = Text();
  for (const char* line :
       {"halfpipe_cache_hits_total{kind=\"latents\",stage=\"1\"} 5\n",
        "halfpipe_cache_misses_total{kind=\"latents\",stage=\"1\"} 2\n",
        "halfpipe_cache_hits_total{kind=\"context\",stage=\"1\"} 7\n",
        "halfpipe_cache_hits_total{kind=\"weights\",stage=\"1\"} 1\n",
        "halfpipe_cache_misses_total{kind=\"weights\",stage=\"1\"} 1\n",
        "halfpipe_dataset_rejected_total{reason=\"timeout\",stage=\"1\"} 2\n",
        "halfpipe_model_load_seconds{part=\"vae\",stage=\"1\"} 1.5\n",
        "halfpipe_model_load_bytes_total{part=\"dit\",stage=\"1\"} 4096\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST_F(MeteredBackendTest, WhatFailedIsNotCountedAndKeepsItsStatus) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(absl::IsCancelled(backend_.Step({}, stop.get_token()).status()));
  StartCommand command;
  command.job = "broken";
  EXPECT_TRUE(absl::IsNotFound(backend_.Start(Epoch(1), command, {}).status()));
  EXPECT_THAT(Text(),
              Not(HasSubstr("halfpipe_stage_steps_total{stage=\"1\"} 1\n")));
  EXPECT_THAT(Text(), Not(HasSubstr("12.5")));
}

TEST_F(MeteredBackendTest, LayersAreThoseOfTheRunningJob) {
  const std::string name = "halfpipe_stage_layers{stage=\"1\"} ";
  EXPECT_THAT(Text(), HasSubstr(name + "0\n"));
  ASSERT_TRUE(backend_.Start(Epoch(1), {}, {}).ok());
  EXPECT_THAT(Text(), HasSubstr(name + "20\n"));
  ASSERT_TRUE(backend_.End({}, {}).ok());
  EXPECT_THAT(Text(), HasSubstr(name + "0\n"));
}

TEST_F(MeteredBackendTest, AFailedStartLeavesNoLayers) {
  ASSERT_TRUE(backend_.Start(Epoch(1), {}, {}).ok());
  StartCommand command;
  command.job = "broken";  // the job before it is gone by then
  ASSERT_FALSE(backend_.Start(Epoch(2), command, {}).ok());
  EXPECT_THAT(Text(), HasSubstr("halfpipe_stage_layers{stage=\"1\"} 0\n"));
}

TEST_F(MeteredBackendTest, FreeMemoryIsReadWhileNoJobIsLoaded) {
  FreeMemory free = {.device_change_bytes = -5, .host_available_bytes = 100};
  MeteredBackend backend(&measured_, &metrics_, [&free] { return free; });
  EXPECT_EQ(backend.activity().device_free_change_bytes, -5);
  EXPECT_EQ(backend.activity().host_available_bytes, 100);
  ASSERT_TRUE(backend.Start(Epoch(1), {}, {}).ok());
  free = {.device_change_bytes = -70, .host_available_bytes = 30};
  // It is the job that holds the rest.
  EXPECT_EQ(backend.activity().device_free_change_bytes, -5);
  EXPECT_EQ(backend.activity().host_available_bytes, 100);
  ASSERT_TRUE(backend.End({}, {}).ok());
  EXPECT_EQ(backend.activity().device_free_change_bytes, -70);
  EXPECT_EQ(backend.activity().host_available_bytes, 30);
  EXPECT_EQ(backend_.activity().host_available_bytes, 0);  // nobody to ask
}

TEST_F(MeteredBackendTest, LogLinesSayWhichJobStepAndEpoch) {
  StartCommand command;
  command.job = "my-character";
  ::testing::internal::CaptureStderr();
  (void)backend_.Start(Epoch(7), command, {});
  EndCommand end;
  end.reason = "finished";
  (void)backend_.End(end, {});
  (void)backend_.Encode({}, {});
  const std::string lines = ::testing::internal::GetCapturedStderr();
  const std::string started = lines.substr(0, lines.find('\n'));
  EXPECT_THAT(started, HasSubstr("msg=\"job started\""));
  EXPECT_THAT(started, HasSubstr("job=my-character"));
  EXPECT_THAT(started, HasSubstr("epoch=7"));
  EXPECT_THAT(lines, HasSubstr("reason=finished"));
  // The job is over: later lines are not its own.
  const std::string encoded = lines.substr(lines.rfind("msg=\"samples"));
  EXPECT_THAT(encoded, Not(HasSubstr("my-character")));
  EXPECT_THAT(encoded, Not(HasSubstr("epoch=")));
}

}  // namespace
}  // namespace halfpipe
