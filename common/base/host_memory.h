// How much memory this host has left for a process.
#ifndef HP_COMMON_BASE_HOST_MEMORY_H_
#define HP_COMMON_BASE_HOST_MEMORY_H_

#include <cstdint>
#include <string>

namespace halfpipe {

// The least of what the kernel calls available and what is left of the limits
// of this process's control groups (versions 1 and 2, parents included): what
// their processes hold is gone, cached files are not. 0 when the kernel does
// not say; above 0 otherwise. `root` stands before every path that is read: a
// test's own files.
[[nodiscard]] int64_t AvailableHostBytes(const std::string& root = "");

}  // namespace halfpipe

#endif  // HP_COMMON_BASE_HOST_MEMORY_H_
