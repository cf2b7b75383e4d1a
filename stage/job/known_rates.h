// A GPU's rates at the start of a stage: from the last start, or measured.
#ifndef HP_STAGE_JOB_KNOWN_RATES_H_
#define HP_STAGE_JOB_KNOWN_RATES_H_

#include <ATen/core/Tensor.h>

#include <string>

#include "absl/status/statusor.h"
#include "common/plan/rates.h"

namespace halfpipe {

struct KnownRatesOptions {
  std::string cache_folder = {};  // empty: nothing is kept
  bool measure_again = false;     // and replace what is kept
};

// DefaultCacheFolder; measures again where HALFPIPE_MEASURE is set and not 0.
[[nodiscard]] KnownRatesOptions KnownRatesOptionsOfEnvironment();

// The rates of `device` (CUDA): those that are kept for this GPU and driver,
// else measured, and then kept. Sizes, and what a stage holds beside tensors,
// are always those of now. A cache that cannot be read or written is a warning
// in the log; rates measured while others hold much of the card are not kept.
// Codes and thread of MeasureDeviceRates.
[[nodiscard]] absl::StatusOr<DeviceRates> KnownRates(
    at::Device device, const KnownRatesOptions& options);

}  // namespace halfpipe

#endif  // HP_STAGE_JOB_KNOWN_RATES_H_
