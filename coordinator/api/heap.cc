#include "coordinator/api/heap.h"

#include <malloc.h>

namespace halfpipe {

void ShareHeaps() { mallopt(M_ARENA_MAX, 2); }

bool HeapTrimmer::Tick(absl::Time now) {
  if (now < next_) return false;
  next_ = now + kEvery;
  malloc_trim(0);
  return true;
}

}  // namespace halfpipe
