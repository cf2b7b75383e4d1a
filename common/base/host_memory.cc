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

// Where a version of control groups says what a group may have and has.
struct GroupFiles {
  const char* hierarchy;
  const char* limit;
  // Lines of memory.stat, with those of the groups below: what the kernel
  // cannot take back by forgetting cached files.
  std::vector<absl::string_view> held;
};

const GroupFiles& VersionOne() {
  static const GroupFiles* const files =
      new GroupFiles{"/sys/fs/cgroup/memory",
                     "memory.limit_in_bytes",
                     {"total_rss", "total_shmem"}};
  return *files;
}

const GroupFiles& VersionTwo() {
  static const GroupFiles* const files = new GroupFiles{
      "/sys/fs/cgroup", "memory.max", {"anon", "shmem", "slab_unreclaimable"}};
  return *files;
}

// What processes of a group hold; 0 where it does not say.
int64_t HeldBytes(const GroupFiles& files, const std::string& directory) {
  const auto text = ReadFile(directory + "/memory.stat", kMaxFileBytes);
  if (!text.ok()) return 0;
  int64_t held = 0;
  for (absl::string_view line : absl::StrSplit(*text, '\n')) {
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
    int64_t bytes = 0;
    if (words.size() == 2 && absl::SimpleAtoi(words[1], &bytes) &&
        std::find(files.held.begin(), files.held.end(), words[0]) !=
            files.held.end()) {
      held += bytes;
    }
  }
  return held;
}

// Lowers `bytes` to what a group has left; "max" and no file are no limit.
void Limit(const GroupFiles& files, const std::string& directory,
           int64_t* bytes) {
  const auto text =
      ReadFile(absl::StrCat(directory, "/", files.limit), kMaxFileBytes);
  int64_t limit = 0;
  if (!text.ok() || !absl::SimpleAtoi(*text, &limit)) return;
  // Nothing at all would read as "not known".
  *bytes = std::min(*bytes,
                    std::max<int64_t>(1, limit - HeldBytes(files, directory)));
}

// Every group from `group` ("/a/b") up to the root of a hierarchy.
void LimitByGroups(const std::string& root, const GroupFiles& files,
                   absl::string_view group, int64_t* bytes) {
  while (true) {
    absl::ConsumeSuffix(&group, "/");
    Limit(files, absl::StrCat(root, files.hierarchy, group), bytes);
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
      LimitByGroups(root, VersionTwo(), parts[2], &bytes);
    } else if (std::find(controllers.begin(), controllers.end(), "memory") !=
               controllers.end()) {
      LimitByGroups(root, VersionOne(), parts[2], &bytes);
    }
  }
  return bytes;
}

}  // namespace halfpipe
