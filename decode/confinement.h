// What the process gives up before it looks at a byte of a foreign file.
#ifndef HP_DECODE_CONFINEMENT_H_
#define HP_DECODE_CONFINEMENT_H_

#include <cstdint>

#include "absl/status/status.h"

namespace halfpipe {

struct ConfinementLimits {
  uint64_t memory_bytes = 0;  // address space
  uint64_t cpu_seconds = 0;
};

// From here on, for good, the process can read and seek files that are open,
// write to standard output and error, and get and free memory up to the limit.
// It cannot open files or sockets, start processes or threads, signal others,
// or make memory executable: an attempt to open fails, anything else kills it
// (SIGSYS); past the CPU limit it is killed too. No core is dumped, no setuid
// program helps, and it dies with its parent.
//
// By rlimits, no_new_privs and a seccomp filter. Internal when the kernel
// refuses; then nothing may be decoded.
[[nodiscard]] absl::Status Confine(const ConfinementLimits& limits);

}  // namespace halfpipe

#endif  // HP_DECODE_CONFINEMENT_H_
