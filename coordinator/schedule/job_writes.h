// What of the jobs is on its way to the disk.
#ifndef HP_COORDINATOR_SCHEDULE_JOB_WRITES_H_
#define HP_COORDINATOR_SCHEDULE_JOB_WRITES_H_

#include <cstdint>
#include <deque>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/jobs/job_types.h"
#include "coordinator/run/job_runner_host.h"
#include "coordinator/schedule/live_jobs.h"
#include "coordinator/store/job_store.h"

namespace halfpipe {

// Submit gives what has changed to the store, whose Wait the caller then calls
// without the lock that guards this, and Collect notes what has come to the
// disk. One write of a job is under way at a time: what happens to it meanwhile
// goes with the next, so events reach the disk in order and a failed write is
// repeated whole. Events of progress are gathered for up to kFlushInterval, so
// that a small model's quick steps do not each wait for the disk.
// Not thread-safe; reads no clock.
class JobWrites {
 public:
  static constexpr absl::Duration kFlushInterval = absl::Milliseconds(200);

  using Ticket = JobStore::Ticket;

  // Both outlive it.
  JobWrites(JobStore* store, LiveJobs* jobs) : store_(store), jobs_(jobs) {}

  // How far a job is on the disk.
  struct State {
    int64_t cursor = 0;      // the last event that is on the disk
    Ticket ticket;           // the write under way, or nullptr
    absl::Status last;       // how the last write that ended did
    bool tried_all = false;  // none is under way and none waits for a Submit
  };

  // Of a job that is only on the disk, or of none: all written.
  [[nodiscard]] State StateOf(const std::string& id) const;

  // Appends an event; it goes to the disk once the job is urgent.
  void Add(LiveJob* live, JobEventBody event, absl::Time now);
  // The event that was added last has never been.
  void TakeBack(LiveJob* live);
  // Somebody else has written all that was to be written.
  void OnAllWritten(LiveJob* live);
  // Forgets the job's events with it. No effect for one not in memory.
  void Drop(const std::string& id);

  // Marks what has been gathered for long enough, or failed, to be written.
  void Flush(absl::Time now);
  // Queues a write for every job that has changed and has none under way.
  // Returns the last of them: nullptr when there was none to queue.
  [[nodiscard]] Ticket Submit();
  // Takes note of the writes that have ended. Returns the jobs they were of.
  [[nodiscard]] std::vector<std::string> Collect();

  // Brings a job that is only on the disk into memory: it has ended, or has
  // waited since before the start. NotFound; DataLoss: its row cannot be read.
  [[nodiscard]] absl::StatusOr<LiveJob*> Revive(const std::string& id);
  // A job in memory, also one on its way to the disk, or one that waits.
  [[nodiscard]] absl::StatusOr<LiveJob*> FindOrRevive(const std::string& id);
  // The job, with no write of it under way. Waits for the disk.
  [[nodiscard]] absl::StatusOr<LiveJob*> AwaitWrite(const std::string& id);

 private:
  // Whether nobody may see the job yet.
  [[nodiscard]] bool IsComing(const std::string& id) const;
  void OnWritten(LiveJob* live, const absl::Status& status);

  JobStore* const store_;
  LiveJobs* const jobs_;
  std::set<std::string> unwritten_;    // live jobs with events to be written
  std::deque<std::string> in_flight_;  // by the order of their tickets
  std::vector<std::string> news_;      // for the next Collect
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_SCHEDULE_JOB_WRITES_H_
