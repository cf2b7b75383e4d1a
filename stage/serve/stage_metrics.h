// What a stage process tells Prometheus. docs/metrics.md lists the names.
#ifndef HP_STAGE_SERVE_STAGE_METRICS_H_
#define HP_STAGE_SERVE_STAGE_METRICS_H_

#include <cstdint>
#include <memory>
#include <string>

#include "common/metrics/metrics_registry.h"

namespace halfpipe {

// A GPU's memory by use, bytes. The kinds add up to the device.
struct GpuMemorySample {
  int64_t weights = 0;
  int64_t lora = 0;
  int64_t optimizer = 0;
  int64_t activations = 0;
  int64_t workspace = 0;
  int64_t free = 0;
};

// Thread-safe. A counter of a label's value is there from the first time on
// that there is something to count, but for the kinds and reasons that are
// known beforehand, which begin at 0.
class StageMetrics {
 public:
  // `rank` becomes the label stage; `gpu_uuid`, empty on the CPU, joins the
  // memory series with those of a GPU exporter.
  StageMetrics(int32_t rank, const std::string& gpu_uuid,
               MetricsRegistry* registry);
  ~StageMetrics();

  // halfpipe_stage_steps_total{stage},
  // halfpipe_host_memory_bytes{stage,kind="pinned"}
  void OnStep(int64_t pinned_host_bytes);

  // halfpipe_gpu_memory_bytes{stage,gpu_uuid,kind}; on the CPU there are none.
  void SetGpuMemory(const GpuMemorySample& memory);

  // halfpipe_model_load_seconds{stage,part}, of the last load, and
  // halfpipe_model_load_bytes_total{stage,part}
  void OnModelLoaded(const std::string& part, double seconds, int64_t bytes);

  // halfpipe_cache_hits_total and halfpipe_cache_misses_total{stage,kind};
  // kind is "latents", "context" or "weights".
  void OnCacheUse(const std::string& kind, int64_t hits, int64_t misses);

  // halfpipe_dataset_rejected_total{stage,reason}
  void OnRejected(const std::string& reason, int64_t samples);

  // halfpipe_stage_layers{stage}, 0 between jobs
  void SetLayers(int64_t layers);

 private:
  struct Series;

  std::unique_ptr<Series> series_;
};

}  // namespace halfpipe

#endif  // HP_STAGE_SERVE_STAGE_METRICS_H_
