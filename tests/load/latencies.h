// How long calls took.
#ifndef HP_TESTS_LOAD_LATENCIES_H_
#define HP_TESTS_LOAD_LATENCIES_H_

#include <algorithm>
#include <cstdio>
#include <vector>

#include "absl/time/time.h"

namespace halfpipe {

// Not thread-safe.
class Latencies {
 public:
  void Add(absl::Duration latency) { all_.push_back(latency); }

  // The latency that `share` of the calls kept to; 0 where there were none.
  absl::Duration At(double share) {
    if (all_.empty()) return absl::ZeroDuration();
    std::sort(all_.begin(), all_.end());
    return all_[static_cast<size_t>(share *
                                    static_cast<double>(all_.size() - 1))];
  }

  void Print(const char* what) {
    std::printf("%-22s %7zu  p50 %8.2f ms  p99 %8.2f ms  max %8.2f ms\n", what,
                all_.size(), absl::ToDoubleMilliseconds(At(0.5)),
                absl::ToDoubleMilliseconds(At(0.99)),
                absl::ToDoubleMilliseconds(At(1.0)));
  }

 private:
  std::vector<absl::Duration> all_;
};

}  // namespace halfpipe

#endif  // HP_TESTS_LOAD_LATENCIES_H_
