#include "stage/job/machine_rates_text.h"

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "common/base/status.h"
#include "common/plan/rates.h"

#ifdef HP_WITH_CUDA
#include <ATen/core/Tensor.h>

#include "absl/strings/str_cat.h"
#include "common/base/ids.h"
#include "stage/gpu/device_facts.h"
#include "stage/job/device.h"
#include "stage/job/known_rates.h"
#endif

namespace halfpipe {

absl::StatusOr<std::string> MeasureMachine() {
  std::vector<DeviceRates> devices;
#ifdef HP_WITH_CUDA
  KnownRatesOptions options = KnownRatesOptionsOfEnvironment();
  options.measure_again = true;
  for (int i = 0; i < GpuCount(); ++i) {
    HP_ASSIGN_OR_RETURN(const at::Device device,
                        SelectDevice(absl::StrCat("cuda:", i), Rank(i)));
    HP_ASSIGN_OR_RETURN(DeviceRates rates, KnownRates(device, options));
    devices.push_back(std::move(rates));
  }
#endif
  if (devices.empty()) {
    return absl::FailedPreconditionError(
        "there is no GPU to measure: halfpipe doctor says why; for a plan "
        "without one: halfpipe plan --gpu NAME");
  }
  return RatesText(devices);
}

}  // namespace halfpipe
