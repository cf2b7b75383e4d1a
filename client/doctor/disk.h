// How fast the disk is that caches and checkpoints go to.
#ifndef HP_CLIENT_DOCTOR_DISK_H_
#define HP_CLIENT_DOCTOR_DISK_H_

#include <cstdint>
#include <string>

#include "client/doctor/finding.h"

namespace halfpipe {

// Writes `bytes` to a temporary file in `folder`, syncs it, has the kernel
// forget it and reads it again; the file is gone afterwards. Says the rates and
// the room that is left. A folder that cannot be written fails.
[[nodiscard]] Finding CheckDisk(const std::string& folder,
                                int64_t bytes = int64_t{256} << 20);

}  // namespace halfpipe

#endif  // HP_CLIENT_DOCTOR_DISK_H_
