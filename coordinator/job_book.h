// The jobs as the coordinator sees them: those that live in memory, all of
// them in the store.
#ifndef HP_COORDINATOR_JOB_BOOK_H_
#define HP_COORDINATOR_JOB_BOOK_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/config/job_config.h"
#include "common/rpc/job_types.h"
#include "coordinator/job_placement.h"
#include "coordinator/job_queue.h"
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
  // were being cancelled are cancelled, those that were being paused paused.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<JobBook>> Load(
      std::unique_ptr<JobStore> store, absl::Time now);

  // Checks the spec and queues the job; see TrainingService.CreateJob.
  [[nodiscard]] absl::StatusOr<Job> Create(const JobSpec& spec, absl::Time now);
  [[nodiscard]] absl::StatusOr<Job> Get(const std::string& id) const;
  [[nodiscard]] absl::StatusOr<JobPage> List(const JobQuery& query) const;
  // Of every job that has not ended, by state's name.
  [[nodiscard]] std::map<std::string, int64_t> CountLive() const;

  // What a runner needs. NotFound.
  [[nodiscard]] absl::StatusOr<JobPlan> Plan(const std::string& id) const;
  // What the job asks of a pair of stages; read once and kept while it lives.
  // NotFound; InvalidArgument: its config cannot be read.
  [[nodiscard]] absl::StatusOr<JobNeeds> Needs(const std::string& id);
  // A job that is to be retried does not start before. NotFound.
  [[nodiscard]] absl::StatusOr<absl::Time> NotBefore(
      const std::string& id) const;

  [[nodiscard]] const JobQueue& queue() const { return queue_; }

  // Moves the job. A job that fails in a way that another try may mend, and
  // has a try left, is queued again instead, not to start before its back-off
  // is over. FailedPrecondition: not allowed in its state. When only the disk
  // fails, the job moves all the same and the next change is written with this
  // one.
  [[nodiscard]] absl::Status Apply(const std::string& id, JobTrigger trigger,
                                   const std::string& reason,
                                   const absl::Status& error, absl::Time now);
  // Why a queued job waits. An event only when it is another reason; one that
  // may be gathered.
  void SetReason(const std::string& id, const std::string& reason,
                 absl::Time now);
  // The pair that the job is given to; written with its next change.
  void SetPair(const std::string& id, const std::string& pair);
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
    std::optional<JobNeeds> needs;
    std::optional<JobState> counted;  // what queue_ and counts_ know of it
  };

  using LiveJobs = std::map<std::string, LiveJob>;

  // What Apply does to a job.
  struct Change {
    JobTrigger trigger;
    std::string reason;
    absl::Status error;
    std::optional<absl::Time> retry_at;
  };

  explicit JobBook(std::unique_ptr<JobStore> store)
      : store_(std::move(store)) {}

  // Brings a job that has ended back into memory.
  [[nodiscard]] absl::StatusOr<LiveJob*> Revive(const std::string& id);
  // Queues and counts the job as its state says.
  void Recount(LiveJob* job);
  // Drops the job from memory; returns what follows it.
  LiveJobs::iterator Drop(LiveJobs::iterator job);
  // Turns a failure that is worth another try into one.
  static void ConsiderRetry(const LiveJob& job, absl::Time now, Change* change);
  // The job with its place in the queue.
  [[nodiscard]] Job AsOfNow(const LiveJob& live) const;
  void AddEvent(LiveJob* job, JobEventBody event, absl::Time now);
  [[nodiscard]] absl::Status Write(LiveJob* job);

  std::unique_ptr<JobStore> store_;
  LiveJobs live_;
  JobQueue queue_;
  std::map<JobState, int64_t> counts_;
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_JOB_BOOK_H_
