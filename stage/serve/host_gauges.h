// What a stage's host and GPU say when they are asked: memory and sensors.
#ifndef HP_STAGE_SERVE_HOST_GAUGES_H_
#define HP_STAGE_SERVE_HOST_GAUGES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "common/metrics/sampled_gauges.h"
#include "stage/serve/nvml.h"

namespace halfpipe {

// halfpipe_host_memory_available_bytes{stage}, halfpipe_gpu_power_watts,
// halfpipe_gpu_clock_hertz{clock="sm"|"memory"} and
// halfpipe_gpu_temperature_celsius, all {stage,gpu_uuid}: what is known of
// them.
[[nodiscard]] std::vector<GaugeReading> HostReadings(
    const std::string& stage, const std::string& gpu_uuid,
    const GpuSensors& sensors, int64_t host_available_bytes);

// The gauges of these. The sensors' are absent without a GPU or NVML.
class HostGauges {
 public:
  // `gpu_uuid` is empty on the CPU; `registry` outlives it.
  HostGauges(int32_t rank, const std::string& gpu_uuid,
             MetricsRegistry* registry);

 private:
  SampledGauges gauges_;
};

}  // namespace halfpipe

#endif  // HP_STAGE_SERVE_HOST_GAUGES_H_
