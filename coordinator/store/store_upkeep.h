// Looks at the job database again while the service runs, and copies it.
#ifndef HP_COORDINATOR_STORE_STORE_UPKEEP_H_
#define HP_COORDINATOR_STORE_STORE_UPKEEP_H_

#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "coordinator/store/store_check.h"

namespace halfpipe {

// One thread with a connection of its own, which those who use the store do not
// wait for. A round checks the pages, then the rows, and where the pages are
// whole it leaves a copy (store_copies.h). Thread-safe.
class StoreUpkeep {
 public:
  // What a round has found.
  struct Report {
    absl::Status damage;                // DataLoss: the pages are not whole
    std::vector<DamagedRow> rows = {};  // that cannot be read
    absl::Status copy = {};             // why there is no new copy
  };

  // Of the database in this folder, which is there.
  explicit StoreUpkeep(std::string state_dir);
  StoreUpkeep(const StoreUpkeep&) = delete;
  StoreUpkeep& operator=(const StoreUpkeep&) = delete;
  // Waits for a round that is under way.
  ~StoreUpkeep();

  // Has a round made, unless one is under way. `now` is the copy's name. Does
  // not block.
  void Begin(absl::Time now);

  // The report of a round that has ended, once. Does not block.
  [[nodiscard]] std::optional<Report> Take();

 private:
  enum class Phase { kIdle, kWanted, kWorking };

  void Work();

  const std::string state_dir_;
  absl::Mutex mutex_;
  Phase phase_ ABSL_GUARDED_BY(mutex_) = Phase::kIdle;
  absl::Time now_ ABSL_GUARDED_BY(mutex_);
  std::optional<Report> report_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses the others
};

// One round, on the calling thread. Where the database cannot be opened or read
// for another reason than damage, `copy` says so.
[[nodiscard]] StoreUpkeep::Report LookAfterStore(const std::string& state_dir,
                                                 absl::Time now);

}  // namespace halfpipe

#endif  // HP_COORDINATOR_STORE_STORE_UPKEEP_H_
