#include "stage/serve/nvml.h"

#include <dlfcn.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace halfpipe {
namespace {

// The part of nvml.h that is used. NVML's interface is stable: names and values
// are never given a new meaning, a changed function gets a suffix. With these
// lines no build needs the CUDA toolkit for four sensors.
using NvmlDevice = void*;
using NvmlResult = int;
constexpr NvmlResult kNvmlSuccess = 0;
constexpr int kNvmlClockSm = 1;
constexpr int kNvmlClockMemory = 2;
constexpr int kNvmlTemperatureGpu = 0;

constexpr double kWattsPerMilliwatt = 1e-3;
constexpr double kHertzPerMegahertz = 1e6;

}  // namespace

struct Nvml::Functions {
  NvmlResult (*init)() = nullptr;
  NvmlResult (*shutdown)() = nullptr;
  NvmlResult (*handle_by_uuid)(const char* uuid, NvmlDevice* device) = nullptr;
  NvmlResult (*power)(NvmlDevice device, unsigned int* milliwatts) = nullptr;
  NvmlResult (*clock)(NvmlDevice device, int type,
                      unsigned int* megahertz) = nullptr;
  NvmlResult (*temperature)(NvmlDevice device, int sensor,
                            unsigned int* celsius) = nullptr;

  // The name of the first function that is not there; empty: all are.
  std::string Find(void* library) {
    std::string missing;
    const auto find = [&](const char* name, auto* function) {
      void* const address = dlsym(library, name);
      if (address == nullptr && missing.empty()) missing = name;
      *function = reinterpret_cast<std::decay_t<decltype(*function)>>(address);
    };
    find("nvmlInit_v2", &init);
    find("nvmlShutdown", &shutdown);
    find("nvmlDeviceGetHandleByUUID", &handle_by_uuid);
    find("nvmlDeviceGetPowerUsage", &power);
    find("nvmlDeviceGetClockInfo", &clock);
    find("nvmlDeviceGetTemperature", &temperature);
    return missing;
  }
};

absl::StatusOr<std::unique_ptr<Nvml>> Nvml::Open(const std::string& library) {
  void* const handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    return absl::NotFoundError(absl::StrCat(library, ": ", dlerror()));
  }
  auto functions = std::make_unique<Functions>();
  if (const std::string missing = functions->Find(handle); !missing.empty()) {
    dlclose(handle);
    return absl::FailedPreconditionError(
        absl::StrCat(library, " has no ", missing));
  }
  if (const NvmlResult result = functions->init(); result != kNvmlSuccess) {
    dlclose(handle);
    return absl::UnavailableError(
        absl::StrCat(library, " does not start: NVML error ", result));
  }
  return std::unique_ptr<Nvml>(new Nvml(handle, std::move(functions)));
}

Nvml::Nvml(void* library, std::unique_ptr<Functions> functions)
    : library_(library), functions_(std::move(functions)) {}

Nvml::~Nvml() {
  functions_->shutdown();
  dlclose(library_);
}

absl::StatusOr<GpuSensors> Nvml::Read(const std::string& uuid) const {
  NvmlDevice device = nullptr;
  if (const NvmlResult result =
          functions_->handle_by_uuid(uuid.c_str(), &device);
      result != kNvmlSuccess) {
    return absl::NotFoundError(
        absl::StrCat("NVML knows no GPU ", uuid, ": error ", result));
  }
  GpuSensors sensors;
  unsigned int value = 0;
  if (functions_->power(device, &value) == kNvmlSuccess) {
    sensors.power_watts = value * kWattsPerMilliwatt;
  }
  if (functions_->clock(device, kNvmlClockSm, &value) == kNvmlSuccess) {
    sensors.sm_clock_hertz = value * kHertzPerMegahertz;
  }
  if (functions_->clock(device, kNvmlClockMemory, &value) == kNvmlSuccess) {
    sensors.memory_clock_hertz = value * kHertzPerMegahertz;
  }
  if (functions_->temperature(device, kNvmlTemperatureGpu, &value) ==
      kNvmlSuccess) {
    sensors.temperature_celsius = value;
  }
  return sensors;
}

}  // namespace halfpipe
