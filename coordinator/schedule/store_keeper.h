// The coordinator's care for its store: checked, copied and kept small.
#ifndef HP_COORDINATOR_SCHEDULE_STORE_KEEPER_H_
#define HP_COORDINATOR_SCHEDULE_STORE_KEEPER_H_

#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/config/service_config.h"
#include "coordinator/schedule/coordinator_metrics.h"
#include "coordinator/schedule/job_book.h"
#include "coordinator/schedule/pair_run.h"
#include "coordinator/store/store_upkeep.h"

namespace halfpipe {

// Has the store checked and copied at the start and every day, says what was
// found, and removes jobs that are older, or more, than are kept.
// Not thread-safe.
class StoreKeeper {
 public:
  // All pointers outlive it.
  StoreKeeper(JobBook* book, CoordinatorMetrics* metrics, Clock wall,
              RetentionConfig retention);
  StoreKeeper(const StoreKeeper&) = delete;
  StoreKeeper& operator=(const StoreKeeper&) = delete;

  // A wall clock that is set makes no job old: ages count again an hour later.
  // With every tick.
  void NoteClock(absl::Time now);
  // Does not wait for a check or a copy; for the disk, where it removes jobs.
  void OnTick(absl::Time now);
  // A job was deleted: the file may have become smaller.
  void OnDeleted();

  // Whether the store answers a query. DataLoss: it is damaged, and the message
  // says how to go back to a copy of it.
  [[nodiscard]] absl::Status Check() const;

 private:
  void OnReport(const StoreUpkeep::Report& report, absl::Time wall);
  void Prune(absl::Time now);

  JobBook* const book_;
  CoordinatorMetrics* const metrics_;
  const Clock wall_;
  const RetentionConfig retention_;
  std::optional<absl::Time> last_upkeep_;
  absl::Time next_prune_ = absl::InfinitePast();
  std::optional<absl::Duration> wall_ahead_;
  absl::Time clock_set_ = absl::InfinitePast();
  bool may_shrink_ = true;
  absl::Status damage_;  // of the store
  StoreUpkeep upkeep_;   // has a lock of its own
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_SCHEDULE_STORE_KEEPER_H_
