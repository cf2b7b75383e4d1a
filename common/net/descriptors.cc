#include "common/net/descriptors.h"

#include <sys/resource.h>

#include <algorithm>
#include <cerrno>

#include "common/base/log.h"

namespace halfpipe {
namespace {

// Some libraries ask for a place for each descriptor that there may be.
constexpr rlim_t kMostDescriptors = 65'536;
constexpr int64_t kReserve = 256;

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

int64_t FirstReservedDescriptor() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return kReserve;
  const auto most =
      static_cast<int64_t>(std::min(limit.rlim_cur, rlim_t{1} << 30));
  return most - std::min(kReserve, most / 2);
}

}  // namespace halfpipe
