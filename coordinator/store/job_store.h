// The coordinator's durable state: jobs, their events and checkpoints, and the
// epoch counter, in one SQLite file.
#ifndef HP_COORDINATOR_STORE_JOB_STORE_H_
#define HP_COORDINATOR_STORE_JOB_STORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/ids.h"
#include "common/jobs/job_types.h"
#include "coordinator/store/group_commit.h"
#include "coordinator/store/log_checkpointer.h"
#include "coordinator/store/store_open.h"
#include "coordinator/store/stored_job.h"

namespace halfpipe {

// Every change is whole or not at all after a crash. The Queue... calls return
// at once, and Wait returns when the change is on the disk (GroupCommit: the
// changes of several callers share one wait for it); the calls that return a
// Status do both. Queries see what is on the disk.
//
// A row that cannot be read is a damaged job, or a log line in place of an
// event: it breaks no query. DataLoss is of the file, which is then damaged;
// only Config's is not.
//
// Wait and IsDone may be called by any thread at any time. The others: not
// thread-safe. Codes: those of SqliteStatement::Step.
class JobStore {
 public:
  using Ticket = GroupCommit::Ticket;

  static constexpr int64_t kLogPages = 4000;  // 16 MiB

  // Opens or creates `state_dir`/halfpipe.db, after a look at every page of it.
  // Unavailable: another coordinator has it. FailedPrecondition: a newer
  // version wrote it, or it is gone and there are copies. DataLoss: it is
  // damaged; the message says how to go back to a copy.
  // A write-ahead log of `log_pages` is copied into the file.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<JobStore>> Open(
      const std::string& state_dir, int64_t log_pages = kLogPages);
  ~JobStore();

  [[nodiscard]] const std::string& state_dir() const { return state_dir_; }

  // Adds a job, with its config, and its first events. AlreadyExists: the id is
  // taken.
  [[nodiscard]] Ticket QueueCreate(const StoredJob& stored,
                                   const std::vector<JobEvent>& events);
  // The number of the next job: no earlier call has returned it.
  [[nodiscard]] int64_t NextNumber();
  [[nodiscard]] absl::StatusOr<StoredJob> Create(const Job& job,
                                                 const JobSpec& spec);
  // Without its config. NotFound names the id.
  [[nodiscard]] absl::StatusOr<StoredJob> Get(const std::string& id) const;
  // The config of a job that is there. DataLoss: its row cannot be read.
  [[nodiscard]] absl::StatusOr<std::string> Config(const std::string& id) const;
  // Jobs with a number below `before`, newest first. Without checkpoints and
  // config. `states`: only those whose row is in one of them, damaged ones with
  // the failed; empty: all.
  [[nodiscard]] absl::StatusOr<std::vector<StoredJob>> List(
      int64_t before, int64_t limit,
      const std::vector<JobState>& states = {}) const;
  // The queue in its order. Reads nothing else of the jobs.
  [[nodiscard]] absl::StatusOr<std::vector<QueuedJob>> ListQueued() const;
  // Jobs that have left the queue and not ended, oldest first. Without config.
  [[nodiscard]] absl::StatusOr<std::vector<StoredJob>> ListUnderWay() const;

  // Replaces the job's row and appends the events, together. The events'
  // cursors must follow those that are there; job.last_cursor is the last one.
  [[nodiscard]] Ticket QueueUpdate(const Job& job,
                                   const std::vector<JobEvent>& events);
  [[nodiscard]] absl::Status Update(const Job& job,
                                    const std::vector<JobEvent>& events);
  // The same, and adds the checkpoint: this is the commit. A checkpoint of the
  // same step is replaced.
  [[nodiscard]] absl::Status CommitCheckpoint(
      const Job& job, const Checkpoint& checkpoint,
      const std::vector<JobEvent>& events);
  [[nodiscard]] absl::Status ForgetCheckpoint(const std::string& id,
                                              int64_t steps_done);

  // Takes damaged jobs out of the queue and of what is under way. They are
  // listed until they are deleted. `now` is when they have ended.
  [[nodiscard]] absl::Status SetAside(const std::vector<std::string>& ids,
                                      absl::Time now);
  // Removes jobs with their configs, events and checkpoints' rows. An id that
  // is not there is passed over.
  [[nodiscard]] absl::Status Delete(const std::vector<std::string>& ids);
  // The first `limit` of the jobs that ended before `before` or are more than
  // the `keep` that ended last, those that ended first.
  [[nodiscard]] absl::StatusOr<std::vector<std::string>> ListExpired(
      absl::Time before, int64_t keep, int64_t limit) const;
  // Gives some of the file's free pages back to the disk, if there are more
  // than `keep`. Returns how many are left.
  [[nodiscard]] absl::StatusOr<int64_t> Shrink(int64_t keep);

  // Events after `after_cursor`, in order.
  [[nodiscard]] absl::StatusOr<std::vector<JobEvent>> Events(
      const std::string& id, int64_t after_cursor, int64_t limit) const;

  // A number that no earlier call, before any crash, has returned.
  [[nodiscard]] absl::StatusOr<Epoch> NextEpoch();

  // Whether the database answers a query. DataLoss: some earlier call has found
  // the file damaged.
  [[nodiscard]] absl::Status Probe() const;

  // See GroupCommit.
  [[nodiscard]] absl::Status Wait(const Ticket& ticket);
  [[nodiscard]] bool IsDone(const Ticket& ticket);

 private:
  JobStore(std::string state_dir, StateFolderLock lock,
           std::unique_ptr<StoreStatements> statements, SqliteDatabase copier,
           int64_t log_pages);
  [[nodiscard]] absl::Status FindLastNumber();
  [[nodiscard]] absl::Status LoadCheckpoints(Job* job) const;
  // Notes damage that a call has met, for Probe.
  void Note(const absl::Status& status) const;

  const std::string state_dir_;
  const StateFolderLock lock_;
  const std::unique_ptr<StoreStatements> statements_;
  GroupCommit commits_;
  LogCheckpointer log_;
  int64_t last_number_ = 0;
  mutable absl::Mutex mutex_;
  mutable absl::Status damage_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_STORE_JOB_STORE_H_
