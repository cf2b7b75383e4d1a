// Sensors of a GPU, by NVIDIA's management library, which comes with the driver
// and is loaded when it is there.
#ifndef HP_STAGE_SERVE_NVML_H_
#define HP_STAGE_SERVE_NVML_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace halfpipe {

// What a GPU does not tell is nullopt.
struct GpuSensors {
  std::optional<double> power_watts = {};
  std::optional<double> sm_clock_hertz = {};
  std::optional<double> memory_clock_hertz = {};
  std::optional<double> temperature_celsius = {};
};

// Thread-safe.
class Nvml {
 public:
  // NotFound: no such library here, so no driver; Unavailable: it does not
  // start, as without a GPU; FailedPrecondition: it is not what it should be.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Nvml>> Open(
      const std::string& library = "libnvidia-ml.so.1");
  ~Nvml();

  Nvml(const Nvml&) = delete;
  Nvml& operator=(const Nvml&) = delete;

  // `uuid` as nvidia-smi prints it, "GPU-...". NotFound.
  [[nodiscard]] absl::StatusOr<GpuSensors> Read(const std::string& uuid) const;

 private:
  struct Functions;

  Nvml(void* library, std::unique_ptr<Functions> functions);

  void* const library_;
  const std::unique_ptr<Functions> functions_;
};

}  // namespace halfpipe

#endif  // HP_STAGE_SERVE_NVML_H_
