#include "common/base/host_memory.h"

#include <algorithm>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/file.h"

namespace halfpipe {
namespace {

constexpr uint64_t kMaxFileBytes = 1 << 20;
constexpr int64_t kKibibyte = 1024;

// "MemAvailable:   123 kB" in /proc/meminfo.
int64_t MemAvailable(const std::string& root) {
  const auto text = ReadFile(root + "/proc/meminfo", kMaxFileBytes);
  if (!text.ok()) return 0;
  for (absl::string_view line : absl::StrSplit(*text, '\n')) {
    if (!absl::ConsumePrefix(&line, "MemAvailable:")) continue;
    absl::ConsumeSuffix(&line, "kB");
    int64_t kibibytes = 0;
    if (absl::SimpleAtoi(line, &kibibytes)) return kibibytes * kKibibyte;
  }
  return 0;
}

// Lowers `bytes` to the limit in a file; "max" and no file are no limit.
void Limit(const std::string& path, int64_t* bytes) {
  const auto text = ReadFile(path, kMaxFileBytes);
  int64_t limit = 0;
  if (text.ok() && absl::SimpleAtoi(*text, &limit)) {
    *bytes = std::min(*bytes, limit);
  }
}

// Every group from `group` ("/a/b") up to the root of a hierarchy.
void LimitByGroups(const std::string& hierarchy, absl::string_view group,
                   const char* file, int64_t* bytes) {
  while (true) {
    absl::ConsumeSuffix(&group, "/");
    Limit(absl::StrCat(hierarchy, group, "/", file), bytes);
    if (group.empty()) return;
    const size_t slash = group.rfind('/');
    group = group.substr(0, slash == absl::string_view::npos ? 0 : slash);
  }
}

}  // namespace

int64_t AvailableHostBytes(const std::string& root) {
  int64_t bytes = MemAvailable(root);
  const auto groups = ReadFile(root + "/proc/self/cgroup", kMaxFileBytes);
  if (!groups.ok()) return bytes;
  // "0::/a/b" (version 2) or "7:cpu,memory:/a/b" (version 1).
  for (absl::string_view line : absl::StrSplit(*groups, '\n')) {
    const std::vector<absl::string_view> parts =
        absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3) continue;
    const std::vector<absl::string_view> controllers =
        absl::StrSplit(parts[1], ',');
    if (parts[1].empty()) {
      LimitByGroups(root + "/sys/fs/cgroup", parts[2], "memory.max", &bytes);
    } else if (std::find(controllers.begin(), controllers.end(), "memory") !=
               controllers.end()) {
      LimitByGroups(root + "/sys/fs/cgroup/memory", parts[2],
                    "memory.limit_in_bytes", &bytes);
    }
  }
  return bytes;
}

}  // namespace halfpipe
