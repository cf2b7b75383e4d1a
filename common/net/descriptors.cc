#include "common/net/descriptors.h"

#include <sys/resource.h>

#include <algorithm>
#include <cerrno>

#include "common/base/log.h"

namespace halfpipe {
namespace {

// Some libraries ask for a place for each descriptor that there may be.
constexpr rlim_t kMostDescriptors = 65'536;
constexpr int64_t kMostKept = 256;

}  // namespace

void RaiseDescriptorLimit() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t wanted = std::min(limit.rlim_max, kMostDescriptors);
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = wanted;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    LogWarning("the limit of open files cannot be raised",
               {{"wanted", static_cast<int64_t>(wanted)}, {"errno", errno}});
  }
}

DescriptorBudget GetDescriptorBudget() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return {};
  const auto most =
      static_cast<int64_t>(std::min(limit.rlim_cur, rlim_t{1} << 30));
  const int64_t kept = std::min(kMostKept, most / 2);
  return {.first_scarce = most - kept, .first_reserved = most - kept / 2};
}

}  // namespace halfpipe
