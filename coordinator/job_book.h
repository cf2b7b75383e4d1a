// The jobs as the coordinator sees them: those that live in memory, all of
// them in the store.
#ifndef HP_COORDINATOR_JOB_BOOK_H_
#define HP_COORDINATOR_JOB_BOOK_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/config/job_config.h"
#include "common/rpc/job_types.h"
#include "coordinator/job_runner.h"
#include "coordinator/job_state.h"
#include "coordinator/job_store.h"

namespace halfpipe {

// Every change goes through here: the job's row and its event are one
// transaction. Events of progress are gathered for up to kFlushInterval, so
// that a small model's quick steps do not each wait for the disk.
// Not thread-safe; reads no clock.
class JobBook {
 public:
  static constexpr absl::Duration kFlushInterval = absl::Milliseconds(200);

  // Takes over a store. Jobs that were under way are queued again, those that
  // were being cancelled are cancelled.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<JobBook>> Load(
      std::unique_ptr<JobStore> store, absl::Time now);

  // Checks the spec and queues the job; see TrainingService.CreateJob.
  // ResourceExhausted: `max_queued` jobs wait already. A job that is there
  // already is found all the same.
  [[nodiscard]] absl::StatusOr<Job> Create(const JobSpec& spec, absl::Time now,
                                           int64_t max_queued);
  [[nodiscard]] absl::StatusOr<Job> Get(const std::string& id) const;
  [[nodiscard]] absl::StatusOr<JobPage> List(const JobQuery& query) const;
  // Of every job there is, by state's name.
  [[nodiscard]] std::map<std::string, int64_t> CountLive() const;

  // What a runner needs. NotFound.
  [[nodiscard]] absl::StatusOr<JobPlan> Plan(const std::string& id) const;
  // Ids of the queued jobs, oldest first.
  [[nodiscard]] std::vector<std::string> Queue() const;

  // Moves the job. FailedPrecondition: not allowed in its state. When only the
  // disk fails, the job moves all the same and the next change is written with
  // this one.
  [[nodiscard]] absl::Status Apply(const std::string& id, JobTrigger trigger,
                                   const std::string& reason,
                                   const absl::Status& error, absl::Time now);
  // Why a queued job waits. An event only when it is another reason.
  void SetReason(const std::string& id, const std::string& reason,
                 absl::Time now);
  void Append(const std::string& id, const JobEventBody& event, absl::Time now);
  // Durable when it returns OK.
  [[nodiscard]] absl::Status CommitCheckpoint(const std::string& id,
                                              const Checkpoint& checkpoint,
                                              absl::Time now);
  void ForgetCheckpoint(const std::string& id, const Checkpoint& checkpoint);
  void SetExports(const std::string& id, const std::vector<std::string>& paths);
  // The next epoch of any pair, written down as the job's.
  [[nodiscard]] absl::StatusOr<Epoch> NextEpoch(const std::string& id);

  // Events after the cursor that are written. NotFound; OutOfRange: the job
  // has not come to that cursor.
  [[nodiscard]] absl::StatusOr<std::vector<JobEvent>> Events(
      const std::string& id, int64_t after_cursor, int64_t limit) const;

  // Writes what was gathered; true when something was.
  bool Flush(absl::Time now);

 private:
  struct LiveJob {
    StoredJob stored;
    std::vector<JobEvent> unwritten;
    absl::Time unwritten_since;
  };

  explicit JobBook(std::unique_ptr<JobStore> store)
      : store_(std::move(store)) {}

  // Brings a job that has ended back into memory.
  [[nodiscard]] absl::StatusOr<LiveJob*> Revive(const std::string& id);
  void AddEvent(LiveJob* job, JobEventBody event, absl::Time now);
  [[nodiscard]] absl::Status Write(LiveJob* job);

  [[nodiscard]] int64_t CountQueued() const;

  std::unique_ptr<JobStore> store_;
  std::map<std::string, LiveJob> live_;
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_JOB_BOOK_H_
