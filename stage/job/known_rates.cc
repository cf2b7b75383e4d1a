#include "stage/job/known_rates.h"

#include <cstdint>
#include <cstdlib>

#include "absl/strings/string_view.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/plan/rates_cache.h"
#include "stage/gpu/device_facts.h"
#include "stage/job/measure_rates.h"

namespace halfpipe {
namespace {

// Who holds more than this may be computing too, and a rate measured beside
// that would stay.
constexpr int64_t kOthersBytes = int64_t{2} << 30;

}  // namespace

KnownRatesOptions KnownRatesOptionsOfEnvironment() {
  const char* again = std::getenv("HALFPIPE_MEASURE");
  return {.cache_folder = DefaultCacheFolder(),
          .measure_again = again != nullptr && again[0] != '\0' &&
                           absl::string_view(again) != "0"};
}

absl::StatusOr<DeviceRates> KnownRates(at::Device device,
                                       const KnownRatesOptions& options) {
  HP_ASSIGN_OR_RETURN(const GpuFacts facts, DescribeGpu(device.index()));
  const RatesKey key = {.gpu_uuid = facts.uuid, .driver = facts.driver};
  const RatesCache cache(options.cache_folder);
  const bool has_cache = !options.cache_folder.empty();
  if (has_cache && !options.measure_again) {
    const absl::StatusOr<DeviceRates> kept = cache.Find(key);
    if (kept.ok()) {
      LogInfo("the device's rates are known from an earlier start",
              {{"folder", options.cache_folder}});
      return MeasureDeviceRates(device, &*kept);
    }
    if (!absl::IsNotFound(kept.status())) {
      LogWarning("kept rates cannot be used: measuring again",
                 {{"reason", kept.status().message()}});
    }
  }
  HP_ASSIGN_OR_RETURN(const DeviceRates rates, MeasureDeviceRates(device));
  if (!has_cache || rates.total_bytes - rates.free_bytes > kOthersBytes) {
    return rates;
  }
  const absl::Status written = cache.Keep(key, rates);
  if (!written.ok()) {
    LogWarning("the measured rates are not kept: the next start measures again",
               {{"reason", written.message()}});
  }
  return rates;
}

}  // namespace halfpipe
