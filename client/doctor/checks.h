// What `halfpipe doctor` looks at. Of the machine, what the kernel tells
// without a driver or a library; of GPUs beside that, what a stage program
// measured, since this program links neither CUDA nor torch.
#ifndef HP_CLIENT_DOCTOR_CHECKS_H_
#define HP_CLIENT_DOCTOR_CHECKS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "client/doctor/finding.h"
#include "client/jobs/training_client.h"

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

// How fast the disk is that caches and checkpoints go to. Writes `bytes` to a
// temporary file in `folder`, syncs it, has the kernel
// forget it and reads it again; the file is gone afterwards. Says the rates and
// the room that is left. A folder that cannot be written fails.
[[nodiscard]] Finding CheckDisk(const std::string& folder,
                                int64_t bytes = int64_t{256} << 20);

// Whether a service's port can be had. Tries to listen on loopback's `port`,
// which `use` takes ("gRPC"). Taken is a warning; where `client` is given and a
// halfpipe coordinator answers it, that is who has the port, and all is well.
[[nodiscard]] Finding CheckPort(int port, const std::string& use,
                                TrainingClient* client);

// The findings of `halfpipe-stage0 probe`'s output (docs/cli.md): library
// versions, a line a GPU with its memory and its rates to the host, a line a
// pair of GPUs with how NCCL will connect them and the rate that was measured.
// Output that is not of that form is one failure that quotes it.
[[nodiscard]] Findings FindingsOfProbe(absl::string_view json);

// What a stage program said as a tool.
struct StageToolOutput {
  bool ok = false;   // it ended with 0
  std::string text;  // at most 1 MiB
};

// Runs `program` (a path) with `tool` as its argument and collects its standard
// output, and its errors too with `with_errors`; else they go where ours go.
// Blocks until it ends. nullopt: it could not be started.
[[nodiscard]] std::optional<StageToolOutput> RunStageTool(
    const std::string& program, const std::string& tool, bool with_errors);

// Runs `program` (a path) with the argument "probe" and reports what it says,
// or why it could not say anything. Blocks for the seconds that it takes.
[[nodiscard]] Findings ProbeStage(const std::string& program);

}  // namespace halfpipe

#endif  // HP_CLIENT_DOCTOR_CHECKS_H_
