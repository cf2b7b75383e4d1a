// Keeps what a GPU was measured to do between runs of a stage. Free of
// libtorch.
#ifndef HP_COMMON_PLAN_RATES_CACHE_H_
#define HP_COMMON_PLAN_RATES_CACHE_H_

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/plan/rates.h"

namespace halfpipe {

// What rates hold for.
struct RatesKey {
  std::string gpu_uuid;  // "GPU-xxxxxxxx-..."
  std::string driver;    // any text that changes with the driver
};

// What is kept of one GPU.
struct KeptRates {
  RatesKey key;
  DeviceRates rates;
};

// A file a GPU in one folder: {"format": 1, "gpu_uuid": ..., "driver": ...,
// "rates": {a rates file of one device}}. Processes may share the folder.
// Thread rule: any thread.
class RatesCache {
 public:
  // `folder` is made when something is kept.
  explicit RatesCache(std::string folder) : folder_(std::move(folder)) {}

  // NotFound: nothing is kept for this GPU, or for another driver or format.
  // InvalidArgument and the codes of ReadFile: the file is damaged or cannot be
  // read; the message names it.
  [[nodiscard]] absl::StatusOr<DeviceRates> Find(const RatesKey& key) const;

  // What is kept of this GPU, measured with whichever driver, for who cannot
  // ask the driver. Codes of Find.
  [[nodiscard]] absl::StatusOr<KeptRates> Read(
      const std::string& gpu_uuid) const;

  // Replaces what is kept for this GPU. InvalidArgument: a uuid that is no file
  // name; else the codes of WriteFileAtomically and MakeDirectories.
  [[nodiscard]] absl::Status Keep(const RatesKey& key,
                                  const DeviceRates& rates) const;

 private:
  [[nodiscard]] absl::StatusOr<std::string> PathOf(
      const std::string& gpu_uuid) const;

  const std::string folder_;
};

// $HALFPIPE_CACHE_DIR, else $XDG_CACHE_HOME/halfpipe, else
// $HOME/.cache/halfpipe; empty when none of them is set.
[[nodiscard]] std::string DefaultCacheFolder();

}  // namespace halfpipe

#endif  // HP_COMMON_PLAN_RATES_CACHE_H_
