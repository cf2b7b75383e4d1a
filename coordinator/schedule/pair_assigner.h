// Which queued job goes to which pair of stages, and when.
#ifndef HP_COORDINATOR_SCHEDULE_PAIR_ASSIGNER_H_
#define HP_COORDINATOR_SCHEDULE_PAIR_ASSIGNER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/config/service_config.h"
#include "common/jobs/job_types.h"
#include "common/jobs/stage_protocol.h"
#include "coordinator/schedule/pair_fit.h"
#include "coordinator/schedule/pair_runs.h"
#include "coordinator/schedule/queue_waits.h"

namespace halfpipe {

// Goes through the queue, in order, when something happened that a queued job
// may have waited for: starts those that a pair is there for, and tells the
// first of the others why they wait. Not thread-safe.
class PairAssigner {
 public:
  // `began`: when the coordinator was started. `runs` outlives it.
  PairAssigner(PathRootsConfig roots, absl::Time began, PairRuns* runs);

  // Something happened that a queued job may have waited for.
  void SetDue() { is_due_ = true; }

  // For jobs that wait for a time: the whole queue, where nothing happens.
  void OnTick(absl::Time now);
  // Ends finished runs and, unless none `may_start`, looks at the queue if it
  // is due.
  void Settle(absl::Time now, bool may_start);
  // Before a new job goes to the disk: its reason goes with it. Where a pair
  // has no job, this one may start there, but not before it is on the disk.
  void OnCreated(const std::string& id, absl::Time now);
  // When it is on the disk.
  void OnQueued(const Job& job, absl::Time now);

  // A job that waits no more.
  void Forget(const std::string& id) { waits_.Forget(id); }

 private:
  // Looks at the whole queue, in order; where many of its jobs have not been
  // read yet, some of them now and the others from the next tick on.
  void AssignQueue(absl::Time now);
  // Starts the job if one of the pairs is there for it. Else its reason says
  // what it waits for, if it is near enough to its turn (`position`).
  void AssignJob(const std::string& id, int64_t position,
                 const PairFit::Pairs& pairs, absl::Time now);
  void WaitBehind(const std::string& id, const std::string& reason);
  [[nodiscard]] bool IsDue(const std::string& id, absl::Time now);
  // Whether the stages of a pair hold another job that is queued.
  [[nodiscard]] bool IsKeptForAnother(const std::vector<StageInfo>& stages,
                                      const std::string& id,
                                      absl::Time now) const;
  void StartRun(const std::string& id, const std::string& pair, absl::Time now);
  void FailQueued(const std::string& id, const absl::Status& error);
  void KeepWaiting(const std::string& id, const JobNeeds& needs,
                   const std::string& missing, absl::Time now);
  void RemoveFinishedRuns();

  const RunServices& services_;  // of runs_
  // Looked at when a job starts: a link may have come since it was sent.
  const PathRootsConfig roots_;
  const absl::Time began_;
  PairRuns* const runs_;
  QueueWaits waits_;
  bool is_due_ = true;
  absl::Time last_look_ = absl::InfinitePast();
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_SCHEDULE_PAIR_ASSIGNER_H_
