// What a stage's next job finds on its device and host, compared with what was
// there when the stage registered: other processes come and go. Free of torch.
#ifndef HP_STAGE_JOB_FREE_MEMORY_H_
#define HP_STAGE_JOB_FREE_MEMORY_H_

#include <cstdint>
#include <string>

namespace halfpipe {

struct FreeMemory {
  int64_t device_change_bytes = 0;   // below 0: others have taken memory
  int64_t host_available_bytes = 0;  // 0: not known
};

// At one moment, of the device: what the driver has left for anybody, and what
// this process's allocator has taken of the rest.
struct DeviceShares {
  int64_t free_bytes = 0;
  int64_t own_bytes = 0;
};

// What other processes gave back (above 0) or took between two moments. This
// process's own libraries grow at their first job (kernels, workspaces): up to
// `growth_bytes` of what is missing is taken to be that.
[[nodiscard]] int64_t ChangeByOthers(const DeviceShares& before,
                                     const DeviceShares& now,
                                     int64_t growth_bytes);

// Remembers the moment of its making. Not thread-safe; Read may be called on
// another thread than Create.
class FreeMemoryWatch {
 public:
  // `device`: "cuda:1" or "cpu", as SelectDevice chose it and already in use.
  // A device that cannot be asked is taken to stay as it is.
  explicit FreeMemoryWatch(const std::string& device);

  // Asks the driver and the kernel; waits for no work on the device.
  [[nodiscard]] FreeMemory Read() const;

 private:
  std::string device_;
  DeviceShares first_;
};

}  // namespace halfpipe

#endif  // HP_STAGE_JOB_FREE_MEMORY_H_
