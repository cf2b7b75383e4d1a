#include "stage/serve/host_gauges.h"

#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/base/host_memory.h"
#include "common/base/log.h"

namespace halfpipe {
namespace {

std::map<std::string, std::string> Help() {
  return {
      {"halfpipe_host_memory_available_bytes",
       "What a process of this host may still take."},
      {"halfpipe_gpu_power_watts", "Power that the GPU draws."},
      {"halfpipe_gpu_clock_hertz", "Present clocks of the GPU."},
      {"halfpipe_gpu_temperature_celsius", "Temperature of the GPU's die."}};
}

// Null where there is no GPU, or nobody to ask about it.
std::shared_ptr<Nvml> OpenSensors(const std::string& gpu_uuid) {
  if (gpu_uuid.empty()) return nullptr;
  absl::StatusOr<std::unique_ptr<Nvml>> nvml = Nvml::Open();
  if (nvml.ok()) return *std::move(nvml);
  LogWarning("no metrics of the GPU's power, clocks and temperature",
             {{"reason", nvml.status().message()}});
  return nullptr;
}

SampledGauges::Sample MakeSample(const std::string& stage,
                                 const std::string& gpu_uuid) {
  return [stage, gpu_uuid, nvml = OpenSensors(gpu_uuid)] {
    GpuSensors sensors;
    if (nvml != nullptr) {
      sensors = nvml->Read(gpu_uuid).value_or(GpuSensors());
    }
    return HostReadings(stage, gpu_uuid, sensors, AvailableHostBytes());
  };
}

}  // namespace

std::vector<GaugeReading> HostReadings(const std::string& stage,
                                       const std::string& gpu_uuid,
                                       const GpuSensors& sensors,
                                       int64_t host_available_bytes) {
  std::vector<GaugeReading> readings;
  if (host_available_bytes > 0) {
    readings.push_back({"halfpipe_host_memory_available_bytes",
                        {{"stage", stage}},
                        static_cast<double>(host_available_bytes)});
  }
  const auto add = [&](const char* name, const char* clock,
                       const std::optional<double>& value) {
    if (!value.has_value()) return;
    std::map<std::string, std::string> labels = {{"stage", stage},
                                                 {"gpu_uuid", gpu_uuid}};
    if (clock != nullptr) labels["clock"] = clock;
    readings.push_back({name, std::move(labels), *value});
  };
  add("halfpipe_gpu_power_watts", nullptr, sensors.power_watts);
  add("halfpipe_gpu_clock_hertz", "sm", sensors.sm_clock_hertz);
  add("halfpipe_gpu_clock_hertz", "memory", sensors.memory_clock_hertz);
  add("halfpipe_gpu_temperature_celsius", nullptr, sensors.temperature_celsius);
  return readings;
}

HostGauges::HostGauges(int32_t rank, const std::string& gpu_uuid,
                       MetricsRegistry* registry)
    : gauges_(registry, Help(), MakeSample(absl::StrCat(rank), gpu_uuid)) {}

}  // namespace halfpipe
