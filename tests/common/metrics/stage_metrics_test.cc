#include "common/metrics/stage_metrics.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

TEST(StageMetricsTest, BusyAndIdleAddUpToTheSteps) {
  MetricsRegistry registry;
  StageMetrics metrics(1, "GPU-5", &registry);
  StageStepSample sample;
  sample.step_seconds = 2.0;
  sample.busy_seconds = 1.5;
  sample.link_bytes_sent = 100;
  sample.device_peak_bytes = 4096;
  metrics.OnStep(sample);
  metrics.OnStep(sample);
  metrics.SetMemory(1024, 8192);
  const std::string text = registry.Text();
  EXPECT_THAT(text,
              HasSubstr("halfpipe_stage_busy_seconds_total{stage=\"1\"} 3\n"));
  EXPECT_THAT(text,
              HasSubstr("halfpipe_stage_idle_seconds_total{stage=\"1\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("halfpipe_stage_transfer_bytes_total{"
                              "direction=\"sent\",stage=\"1\"} 200\n"));
  EXPECT_THAT(text, HasSubstr("halfpipe_gpu_memory_bytes{gpu_uuid=\"GPU-5\","
                              "kind=\"peak\",stage=\"1\"} 4096\n"));
  EXPECT_THAT(text, HasSubstr("kind=\"total\",stage=\"1\"} 8192\n"));
}

TEST(StageMetricsTest, LayersAreWhatWasSetLast) {
  MetricsRegistry registry;
  StageMetrics metrics(0, "", &registry);
  metrics.SetLayers(20);
  EXPECT_THAT(registry.Text(),
              HasSubstr("halfpipe_stage_layers{stage=\"0\"} 20\n"));
  metrics.SetLayers(0);
  EXPECT_THAT(registry.Text(),
              HasSubstr("halfpipe_stage_layers{stage=\"0\"} 0\n"));
}

}  // namespace
}  // namespace halfpipe
