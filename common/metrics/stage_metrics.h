// What a stage process tells Prometheus. docs/metrics.md lists the names.
#ifndef HP_COMMON_METRICS_STAGE_METRICS_H_
#define HP_COMMON_METRICS_STAGE_METRICS_H_

#include <cstdint>
#include <memory>
#include <string>

#include "common/metrics/metrics_registry.h"

namespace halfpipe {

// One optimizer step as the stage saw it. Bytes and seconds.
struct StageStepSample {
  double step_seconds = 0.0;
  double busy_seconds = 0.0;  // compute inside actions, waits excluded
  int64_t link_bytes_sent = 0;
  int64_t device_bytes_in_use = 0;
  int64_t device_peak_bytes = 0;
  int64_t pinned_host_bytes = 0;
};

// Thread-safe.
class StageMetrics {
 public:
  // `rank` becomes the label stage; `gpu_uuid`, empty on the CPU, joins the
  // memory series with those of a GPU exporter.
  StageMetrics(int32_t rank, const std::string& gpu_uuid,
               MetricsRegistry* registry);
  ~StageMetrics();

  // halfpipe_stage_busy_seconds_total{stage},
  // halfpipe_stage_idle_seconds_total{stage},
  // halfpipe_stage_transfer_bytes_total{stage,direction="sent"},
  // halfpipe_stage_steps_total{stage}, and SetMemory
  void OnStep(const StageStepSample& sample);

  // halfpipe_gpu_memory_bytes{stage,gpu_uuid,kind="in_use"|"peak"|"total"},
  // halfpipe_host_memory_bytes{stage,kind="pinned"}
  void SetMemory(int64_t in_use_bytes, int64_t total_bytes);

  // halfpipe_model_load_seconds{stage}, of the last load
  void OnModelLoaded(double seconds);
  // halfpipe_stage_layers{stage}, 0 between jobs
  void SetLayers(int64_t layers);

 private:
  struct Series;

  std::unique_ptr<Series> series_;
};

}  // namespace halfpipe

#endif  // HP_COMMON_METRICS_STAGE_METRICS_H_
