// The rates of this machine's own GPUs, as its stages measured and kept them
// (common/plan/rates_cache.h). This program cannot ask CUDA: which GPUs there
// are, the kernel's files say.
#ifndef HP_CLIENT_REPORT_MACHINE_RATES_H_
#define HP_CLIENT_REPORT_MACHINE_RATES_H_

#include <string>
#include <vector>

#include "common/plan/rates.h"

namespace halfpipe {

struct MachineRates {
  // In the order in which CUDA numbers them unless told otherwise: the fastest
  // first, equal ones by their place on the bus.
  std::vector<DeviceRates> devices;
  // What a person should know: GPUs that are not measured, or with another
  // driver; a sentence each.
  std::vector<std::string> notes;
};

// The GPUs that NVIDIA's driver lists (/proc/driver/nvidia/gpus) and of which
// `cache_folder` has rates that were measured with the present driver. Damaged
// files are a note. No devices: there are none, or none was measured. `root`
// stands before the kernel's paths: a test's own files.
[[nodiscard]] MachineRates RatesOfThisMachine(const std::string& cache_folder,
                                              const std::string& root = "");

}  // namespace halfpipe

#endif  // HP_CLIENT_REPORT_MACHINE_RATES_H_
