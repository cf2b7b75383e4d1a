#include "client/local/oom_kills.h"

#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "common/base/file.h"

namespace halfpipe {
namespace {

constexpr uint64_t kMaxGroupFileBytes = 1 << 20;

// The number after "oom_kill " on a line of `path`.
std::optional<int64_t> ReadOomKills(const std::string& path) {
  const auto text = ReadFile(path, kMaxGroupFileBytes);
  if (!text.ok()) return std::nullopt;
  for (absl::string_view line : absl::StrSplit(*text, '\n')) {
    int64_t kills = 0;
    if (absl::ConsumePrefix(&line, "oom_kill ") &&
        absl::SimpleAtoi(line, &kills)) {
      return kills;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<int64_t> OomKills(const std::string& root) {
  const auto groups = ReadFile(root + "/proc/self/cgroup", kMaxGroupFileBytes);
  if (!groups.ok()) return std::nullopt;
  // "0::/a/b" (version 2) or "7:cpu,memory:/a/b" (version 1).
  for (absl::string_view line : absl::StrSplit(*groups, '\n')) {
    const std::vector<absl::string_view> parts =
        absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3) continue;
    std::optional<int64_t> kills;
    if (parts[1].empty()) {
      kills = ReadOomKills(
          absl::StrCat(root, "/sys/fs/cgroup", parts[2], "/memory.events"));
    } else {
      kills = ReadOomKills(absl::StrCat(root, "/sys/fs/cgroup/memory", parts[2],
                                        "/memory.oom_control"));
    }
    if (kills.has_value()) return kills;
  }
  return std::nullopt;
}

}  // namespace halfpipe
