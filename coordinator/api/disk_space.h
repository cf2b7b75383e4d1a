// What is left on the disks that a service writes to.
#ifndef HP_COORDINATOR_API_DISK_SPACE_H_
#define HP_COORDINATOR_API_DISK_SPACE_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "common/metrics/sampled_gauges.h"

namespace halfpipe {

// Pairs of a kind ("state", "output", "cache") and a folder, which need not be
// there yet. Called by the sampling thread before it asks any disk, so that it
// is not used any more where one hangs.
using FolderList =
    std::function<std::vector<std::pair<std::string, std::string>>()>;

// halfpipe_disk_free_bytes{kind}: what the service's user may still write, the
// least of the folders of a kind.
[[nodiscard]] std::vector<GaugeReading> ReadDiskSpace(
    const std::vector<std::pair<std::string, std::string>>& folders);

// The gauge of it. `registry` outlives it.
class DiskSpaceGauges {
 public:
  DiskSpaceGauges(MetricsRegistry* registry, FolderList folders);

 private:
  SampledGauges gauges_;
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_API_DISK_SPACE_H_
