// Whether the kernel killed a process of ours for memory.
#ifndef HP_CLIENT_LOCAL_OOM_KILLS_H_
#define HP_CLIENT_LOCAL_OOM_KILLS_H_

#include <cstdint>
#include <optional>
#include <string>

namespace halfpipe {

// Processes that the kernel's out-of-memory killer has ended so far in this
// process's control group, and in those below it; nullopt where the kernel does
// not say. Children share it unless they were moved. `root` is for tests. Any
// thread.
[[nodiscard]] std::optional<int64_t> OomKills(const std::string& root = "");

}  // namespace halfpipe

#endif  // HP_CLIENT_LOCAL_OOM_KILLS_H_
