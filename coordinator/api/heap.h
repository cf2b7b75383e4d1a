// The coordinator's heap, kept as small as what is in it.
#ifndef HP_COORDINATOR_API_HEAP_H_
#define HP_COORDINATOR_API_HEAP_H_

#include "absl/time/time.h"

namespace halfpipe {

// glibc gives each of gRPC's threads a heap of its own, and returns next to
// nothing of them: after a thousand connections each of those heaps keeps what
// its busiest moment took. With two, what one connection leaves serves the
// next. Before the process has threads.
void ShareHeaps();

// Gives the pages that hold nothing back to the system, every kEvery. One
// thread calls it, often.
class HeapTrimmer {
 public:
  static constexpr absl::Duration kEvery = absl::Seconds(10);

  // `now`: of SteadyNow. True: this call gave back what there was.
  bool Tick(absl::Time now);

 private:
  absl::Time next_ = absl::InfinitePast();
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_API_HEAP_H_
