// Whether one more job may wait.
#ifndef HP_COORDINATOR_SCHEDULE_QUEUE_ROOM_H_
#define HP_COORDINATOR_SCHEDULE_QUEUE_ROOM_H_

#include <cstdint>

#include "absl/status/status.h"

namespace halfpipe {

// Jobs, and the bytes of their files together: the limits, or what is there.
struct QueueLoad {
  int64_t jobs = 0;
  int64_t bytes = 0;
};

// ResourceExhausted: as many jobs wait as may, or with one of `bytes` they
// would hold more than they may. The number bends by a few: those on their
// way to the disk are not counted.
[[nodiscard]] absl::Status CheckRoomInQueue(const QueueLoad& limits,
                                            const QueueLoad& waiting,
                                            int64_t bytes);

}  // namespace halfpipe

#endif  // HP_COORDINATOR_SCHEDULE_QUEUE_ROOM_H_
