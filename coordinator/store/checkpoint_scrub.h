// Reads committed checkpoints again while there is time to write another one.
#ifndef HP_COORDINATOR_STORE_CHECKPOINT_SCRUB_H_
#define HP_COORDINATOR_STORE_CHECKPOINT_SCRUB_H_

#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace halfpipe {

// One thread that hashes one checkpoint after the other: gigabytes, which
// nobody waits for. Thread-safe.
class CheckpointScrub {
 public:
  struct Finding {
    std::string job;
    std::string directory;
    absl::Status status;  // never OK
  };

  using Verify = std::function<absl::Status(const std::string& directory)>;

  // `verify` is called from the scrub's thread.
  explicit CheckpointScrub(Verify verify);
  CheckpointScrub(const CheckpointScrub&) = delete;
  CheckpointScrub& operator=(const CheckpointScrub&) = delete;
  // Waits for the checkpoint that is being read.
  ~CheckpointScrub();

  // Has the checkpoints of a job read, unless some of it are still waiting.
  // Does not block.
  void Look(const std::string& job,
            const std::vector<std::string>& directories);

  // What was not as it should be, since the last call. Does not block.
  [[nodiscard]] std::vector<Finding> Take();

 private:
  struct Place {
    std::string job;
    std::string directory;
  };

  void Work();

  const Verify verify_;
  absl::Mutex mutex_;
  std::deque<Place> queue_ ABSL_GUARDED_BY(mutex_);
  std::vector<Finding> findings_ ABSL_GUARDED_BY(mutex_);
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses the others
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_STORE_CHECKPOINT_SCRUB_H_
