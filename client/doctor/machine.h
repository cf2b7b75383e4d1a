// What the kernel tells of this machine without a driver or a library: the GPU
// driver's version, GPUs on the PCI bus and their links, limits, memory, clock.
#ifndef HP_CLIENT_DOCTOR_MACHINE_H_
#define HP_CLIENT_DOCTOR_MACHINE_H_

#include <string>

#include "client/doctor/finding.h"

namespace halfpipe {

// The oldest driver that CUDA 13 runs on.
inline constexpr int kLeastDriver = 580;

// The loaded driver, and whether it is new enough. No driver is a failure only
// where there is an NVIDIA GPU. `root` stands before every path that is read: a
// test's own files.
[[nodiscard]] Finding CheckDriver(const std::string& root = "");

// NVIDIA GPUs on the PCI bus: a line each with the width and speed that its
// link has and could have, or one line that says there is none.
[[nodiscard]] Findings CheckPciGpus(const std::string& root = "");

// How much a process may lock (RLIMIT_MEMLOCK, `ulimit -l`), in bytes;
// negative: no limit.
[[nodiscard]] int64_t LockedMemoryLimit();
[[nodiscard]] Finding CheckLockedMemory(int64_t limit_bytes);

// What of the host's memory a job could take for offloading.
[[nodiscard]] Finding CheckHostMemory(const std::string& root = "");

// /dev/shm, which NCCL takes where GPUs cannot reach each other.
[[nodiscard]] Finding CheckSharedMemory(const std::string& folder = "/dev/shm");

// Whether something keeps the clock right: tokens, TLS and events need it.
[[nodiscard]] Finding CheckClock();

// Kernel, C library and distribution.
[[nodiscard]] Finding DescribeSystem(const std::string& root = "");

}  // namespace halfpipe

#endif  // HP_CLIENT_DOCTOR_MACHINE_H_
