#include "stage/serve/stage_metrics.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(StageMetricsTest, MemoryIsByUseAndGpu) {
  MetricsRegistry registry;
  StageMetrics metrics(1, "GPU-5", &registry);
  metrics.SetGpuMemory({.weights = 1,
                        .lora = 2,
                        .optimizer = 3,
                        .activations = 4,
                        .workspace = 5,
                        .free = 6});
  const std::string text = registry.Text();
  const auto expect = [&text](const std::string& kind, int bytes) {
    EXPECT_THAT(
        text, HasSubstr(absl::StrCat(
                  "halfpipe_gpu_memory_bytes{gpu_uuid=\"GPU-5\",kind=\"", kind,
                  "\",stage=\"1\"} ", bytes, "\n")));
  };
  expect("weights", 1);
  expect("lora", 2);
  expect("optimizer", 3);
  expect("activations", 4);
  expect("workspace", 5);
  expect("free", 6);
}

TEST(StageMetricsTest, TheCpuHasNoGpuMemory) {
  MetricsRegistry registry;
  StageMetrics metrics(0, "", &registry);
  metrics.SetGpuMemory({.free = 6});
  EXPECT_THAT(registry.Text(), Not(HasSubstr("halfpipe_gpu")));
}

TEST(StageMetricsTest, CountsLoadsCachesAndRejections) {
  MetricsRegistry registry;
  StageMetrics metrics(0, "", &registry);
  EXPECT_THAT(registry.Text(),
              HasSubstr("halfpipe_dataset_rejected_total{reason=\"too_short\","
                        "stage=\"0\"} 0\n"));
  metrics.OnModelLoaded("vae", 2.5, 1000);
  metrics.OnModelLoaded("vae", 1.5, 1000);
  metrics.OnCacheUse("latents", 3, 1);
  metrics.OnRejected("too_short", 2);
  metrics.OnStep(77);
  const std::string text = registry.Text();
  for (const char* line :
       {"halfpipe_model_load_seconds{part=\"vae\",stage=\"0\"} 1.5\n",
        "halfpipe_model_load_bytes_total{part=\"vae\",stage=\"0\"} 2000\n",
        "halfpipe_cache_hits_total{kind=\"latents\",stage=\"0\"} 3\n",
        "halfpipe_cache_misses_total{kind=\"latents\",stage=\"0\"} 1\n",
        "halfpipe_cache_hits_total{kind=\"weights\",stage=\"0\"} 0\n",
        "halfpipe_dataset_rejected_total{reason=\"too_short\",stage=\"0\"} 2\n",
        "halfpipe_stage_steps_total{stage=\"0\"} 1\n",
        "halfpipe_host_memory_bytes{kind=\"pinned\",stage=\"0\"} 77\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
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
