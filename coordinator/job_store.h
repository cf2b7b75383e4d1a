// The coordinator's durable state: jobs, their events and checkpoints, and the
// epoch counter, in one SQLite file.
#ifndef HP_COORDINATOR_JOB_STORE_H_
#define HP_COORDINATOR_JOB_STORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/file_lock.h"
#include "common/base/ids.h"
#include "common/rpc/job_types.h"
#include "coordinator/group_commit.h"
#include "coordinator/log_checkpointer.h"

namespace halfpipe {

// A job and what its creator asked for besides (the config in `spec` is the
// file as it was sent, that in `job` the resolved one).
struct StoredJob {
  int64_t number = 0;  // rises with every job of this store
  Job job;
  JobSpec spec;
};

// A job that waits, as the queue knows it.
struct QueuedJob {
  int64_t number = 0;
  std::string id;
  int64_t priority = 0;
};

// Every change is whole or not at all after a crash. The Queue... calls return
// at once, and Wait returns when the change is on the disk (GroupCommit: the
// changes of several callers share one wait for it); the calls that return a
// Status do both. Queries see what is on the disk.
//
// Wait and IsDone may be called by any thread at any time. The others: not
// thread-safe. Codes: those of SqliteStatement::Step.
class JobStore {
 public:
  using Ticket = GroupCommit::Ticket;

  static constexpr int64_t kLogPages = 4000;  // 16 MiB

  // Opens or creates `state_dir`/halfpipe.db. Unavailable: another coordinator
  // has it. FailedPrecondition: a newer version wrote it. DataLoss: the file is
  // damaged. A write-ahead log of `log_pages` is copied into the file.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<JobStore>> Open(
      const std::string& state_dir, int64_t log_pages = kLogPages);
  ~JobStore();

  // Adds a job and its first events. AlreadyExists: the id is taken.
  [[nodiscard]] Ticket QueueCreate(const StoredJob& stored,
                                   const std::vector<JobEvent>& events);
  // The number of the next job: no earlier call has returned it.
  [[nodiscard]] int64_t NextNumber();
  [[nodiscard]] absl::StatusOr<StoredJob> Create(const Job& job,
                                                 const JobSpec& spec);
  // NotFound names the id.
  [[nodiscard]] absl::StatusOr<StoredJob> Get(const std::string& id) const;
  // Jobs with a number below `before`, newest first. Without checkpoints.
  // `states`: only those whose row is in one of them; empty: all.
  [[nodiscard]] absl::StatusOr<std::vector<StoredJob>> List(
      int64_t before, int64_t limit,
      const std::vector<JobState>& states = {}) const;
  // The queue in its order. Reads nothing else of the jobs.
  [[nodiscard]] absl::StatusOr<std::vector<QueuedJob>> ListQueued() const;
  // Jobs that have left the queue and not ended, oldest first.
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

  // Events after `after_cursor`, in order.
  [[nodiscard]] absl::StatusOr<std::vector<JobEvent>> Events(
      const std::string& id, int64_t after_cursor, int64_t limit) const;

  // A number that no earlier call, before any crash, has returned.
  [[nodiscard]] absl::StatusOr<Epoch> NextEpoch();

  // Whether the database answers a query.
  [[nodiscard]] absl::Status Probe() const;

  // See GroupCommit.
  [[nodiscard]] absl::Status Wait(const Ticket& ticket);
  [[nodiscard]] bool IsDone(const Ticket& ticket);

 private:
  struct Statements;

  JobStore(FileLock lock, std::unique_ptr<Statements> statements,
           SqliteDatabase copier, int64_t log_pages);
  [[nodiscard]] absl::Status FindLastNumber();
  [[nodiscard]] absl::Status LoadCheckpoints(Job* job) const;

  const FileLock lock_;
  const std::unique_ptr<Statements> statements_;
  GroupCommit commits_;
  LogCheckpointer log_;
  int64_t last_number_ = 0;
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_JOB_STORE_H_
