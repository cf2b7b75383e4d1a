// The jobs as the coordinator sees them: those that something happens to in
// memory, all of them in the store.
#ifndef HP_COORDINATOR_SCHEDULE_JOB_BOOK_H_
#define HP_COORDINATOR_SCHEDULE_JOB_BOOK_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/config/job_config.h"
#include "common/jobs/job_types.h"
#include "coordinator/run/job_runner.h"
#include "coordinator/schedule/job_placement.h"
#include "coordinator/store/job_queue.h"
#include "coordinator/store/job_state.h"
#include "coordinator/store/job_store.h"

namespace halfpipe {

// Every change goes through here: the job's row and its events are one
// transaction. A change is made in memory at once; Submit gives what has
// changed to the store, whose Wait the caller then calls without the lock that
// guards the book, and Collect notes what has come to the disk. One write of a
// job is under way at a time: what happens to it meanwhile goes with the next,
// so events reach the disk in order and a failed write is repeated whole.
// Events of progress are gathered for up to kFlushInterval, so that a small
// model's quick steps do not each wait for the disk.
// Not thread-safe; reads no clock.
class JobBook {
 public:
  static constexpr absl::Duration kFlushInterval = absl::Milliseconds(200);

  using Ticket = JobStore::Ticket;

  // Waiting jobs that are kept in memory; of the others only what is needed to
  // give them their turn.
  static constexpr size_t kMostAtRest = 1000;

  // Takes over a store. Jobs that were under way are queued again, those that
  // were being cancelled are cancelled, those that were being paused paused,
  // those whose row cannot be read set aside.
  // Of jobs that wait only their place is read: nobody is served meanwhile.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<JobBook>> Load(
      std::unique_ptr<JobStore> store, absl::Time now);

  // For Wait and IsDone, which need no lock.
  [[nodiscard]] JobStore& store() { return *store_; }

  // Whether a job of this id is there, or on its way there, from this spec.
  // AlreadyExists: from another one.
  [[nodiscard]] absl::StatusOr<bool> Knows(const std::string& id,
                                           const JobSpec& spec) const;
  // Adds `job`, made of `spec` (MakeJob), whose id is not known. Nobody sees it
  // before it is on the disk; if that fails, it has never been.
  void Create(const JobSpec& spec, const Job& job, absl::Time now);
  // Without its config. One whose row cannot be read is a failed job. NotFound.
  [[nodiscard]] absl::StatusOr<Job> Get(const std::string& id) const;
  // The same with its config.
  [[nodiscard]] absl::StatusOr<Job> GetWhole(const std::string& id) const;
  [[nodiscard]] absl::StatusOr<JobPage> List(const JobQuery& query) const;

  // Of every job that has not ended, by state's name.
  [[nodiscard]] const std::map<std::string, int64_t>& CountLive() const {
    return counts_;
  }

  // What a runner needs. NotFound. DataLoss: its row or config cannot be read.
  [[nodiscard]] absl::StatusOr<JobPlan> Plan(const std::string& id);
  // What a live job asks of a pair of stages; read from its config once. The
  // pointer lives until the next change. Plan's codes.
  [[nodiscard]] absl::StatusOr<const JobNeeds*> Needs(const std::string& id);

  // Whether Needs reads nothing from the disk.
  [[nodiscard]] bool KnowsNeeds(const std::string& id) const {
    return known_.contains(id);
  }

  // A live job that is to be retried does not start before. NotFound.
  [[nodiscard]] absl::StatusOr<absl::Time> NotBefore(const std::string& id);

  // The queued jobs in the order in which they start.
  [[nodiscard]] const JobQueue& queue() const { return queue_; }

  // What limits.queued_bytes is about: of the queue, and of jobs on their way
  // to the disk.
  [[nodiscard]] int64_t QueuedBytes() const {
    return queue_.bytes() + coming_bytes_;
  }

  // Moves the job. A job that fails in a way that another try may mend, and
  // has a try left, is queued again instead, not to start before its back-off
  // is over. FailedPrecondition: not allowed in its state.
  [[nodiscard]] absl::Status Apply(const std::string& id, JobTrigger trigger,
                                   const std::string& reason,
                                   const absl::Status& error, absl::Time now);
  // Queues a job again that has ended or is paused; one that is done only with
  // `replace`. FailedPrecondition: not in its state.
  [[nodiscard]] absl::Status Resume(const std::string& id,
                                    const ResumeOptions& options,
                                    absl::Time now);
  // Why a queued job waits. An event only when it is another reason.
  void SetReason(const std::string& id, const std::string& reason,
                 absl::Time now);
  // The pair that the job is given to; written with its next change.
  void SetPair(const std::string& id, const std::string& pair);
  void Append(const std::string& id, const JobEventBody& event, absl::Time now);
  // Durable when it returns OK: waits for the disk.
  [[nodiscard]] absl::Status CommitCheckpoint(const std::string& id,
                                              const Checkpoint& checkpoint,
                                              absl::Time now);
  // Of a checkpoint that was found: no event, for it is not new.
  [[nodiscard]] absl::Status AdoptCheckpoint(const std::string& id,
                                             const Checkpoint& checkpoint);
  // Waits for the disk.
  void ForgetCheckpoint(const std::string& id, const Checkpoint& checkpoint);
  void SetExports(const std::string& id, const std::vector<std::string>& paths);
  // The next epoch of any pair, written down as the job's. Waits for the disk.
  [[nodiscard]] absl::StatusOr<Epoch> NextEpoch(const std::string& id);

  // Removes the record of a job that has ended; returns what it was. Waits for
  // the disk. NotFound; FailedPrecondition: it has not ended; Unavailable: what
  // it still has to write cannot be written.
  [[nodiscard]] absl::StatusOr<Job> Delete(const std::string& id);
  // Removes the records of jobs that have ended before `before`, or are more
  // than the last `keep`; of `most` each at once. Returns how many. Waits for
  // the disk.
  [[nodiscard]] absl::StatusOr<size_t> Prune(absl::Time before, int64_t keep,
                                             int64_t most);
  // Takes jobs whose rows cannot be read out of the queue. Those that are in
  // memory stay: their rows are written again. Waits for the disk.
  [[nodiscard]] absl::Status SetAside(const std::vector<std::string>& ids,
                                      absl::Time now);

  // Events after the cursor that are on the disk. NotFound; OutOfRange: the
  // job has not come to that cursor.
  [[nodiscard]] absl::StatusOr<std::vector<JobEvent>> Events(
      const std::string& id, int64_t after_cursor, int64_t limit);

  // Marks what has been gathered for long enough, or failed, to be written, and
  // lets go of waiting jobs that are more than kMostAtRest.
  void Flush(absl::Time now);
  // Queues a write for every job that has changed and has none under way.
  // Returns the last of them: nullptr when there was none to queue.
  [[nodiscard]] Ticket Submit();
  // Takes note of the writes that have ended. Returns the jobs they were of.
  [[nodiscard]] std::vector<std::string> Collect();

  // How far a job is on the disk.
  struct WriteState {
    int64_t cursor = 0;      // the last event that is on the disk
    Ticket ticket;           // the write under way, or nullptr
    absl::Status last;       // how the last write that ended did
    bool tried_all = false;  // none is under way and none waits for a Submit
  };

  // Of a job that is only on the disk, or of none: all written.
  [[nodiscard]] WriteState StateOfWrites(const std::string& id) const;

 private:
  struct LiveJob {
    StoredJob stored;      // with its config until `created`
    bool created = true;   // false until its row is on the disk
    bool at_rest = false;  // in `at_rest_`
    std::vector<JobEvent> unwritten;
    absl::Time unwritten_since;
    bool urgent = false;  // `unwritten` goes with the next Submit
    Ticket ticket;        // of `in_flight`
    std::vector<JobEvent> in_flight;
    int64_t written_cursor = 0;
    absl::Status last_write;
  };

  // What decides where and when a queued job may start, so that the queue can
  // be gone through without its jobs.
  struct Known {
    JobNeeds needs;
    absl::Time not_before;
    std::string reason;
  };

  // What Apply does to a job.
  struct Change {
    JobTrigger trigger;
    std::string reason;
    absl::Status error;
    std::optional<absl::Time> retry_at;
  };

  explicit JobBook(std::unique_ptr<JobStore> store)
      : store_(std::move(store)) {}

  // Puts a job that is on the disk into memory.
  LiveJob* Admit(StoredJob stored);
  // Brings a job that is only on the disk into memory: it has ended, or has
  // waited since before the start.
  [[nodiscard]] absl::StatusOr<LiveJob*> Revive(const std::string& id);
  // A job in memory, also one on its way to the disk, or one that waits.
  [[nodiscard]] absl::StatusOr<LiveJob*> FindOrRevive(const std::string& id);
  void Drop(const std::string& id);
  // Lets go of a waiting job at some later time. No effect on others.
  void LetRest(LiveJob* live);
  // Lets go of those that are too many.
  void Rest();
  // The config of a job in memory. DataLoss: its row cannot be read.
  [[nodiscard]] absl::StatusOr<std::string> ConfigOf(const LiveJob& live) const;
  void Enqueue(const QueuedJob& job);
  void Enter(const LiveJob& live);
  void Leave(const LiveJob& live);
  // Turns a failure that is worth another try into one.
  static void ConsiderRetry(const LiveJob& job, absl::Time now, Change* change);
  void AddEvent(LiveJob* live, JobEventBody event, absl::Time now);
  // The job, with no write of it under way.
  [[nodiscard]] absl::StatusOr<LiveJob*> AwaitWrite(const std::string& id);
  static void Insert(const Checkpoint& checkpoint, Job* job);
  void OnWritten(LiveJob* live, const absl::Status& status);
  // The job of this id if it is there for others to see.
  [[nodiscard]] LiveJob* Find(const std::string& id);
  [[nodiscard]] const LiveJob* Find(const std::string& id) const;

  const std::unique_ptr<JobStore> store_;
  std::map<std::string, LiveJob> live_;
  JobQueue queue_;                      // may hold jobs that are not in live_
  int64_t coming_bytes_ = 0;            // of jobs in live_ that are not created
  std::map<std::string, Known> known_;  // until the job leaves its state
  std::deque<std::string> at_rest_;     // waiting ones in live_, oldest first
  std::map<std::string, int64_t> counts_;
  std::set<std::string> unwritten_;    // live jobs with events to be written
  std::deque<std::string> in_flight_;  // by the order of their tickets
  std::vector<std::string> news_;      // for the next Collect
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_SCHEDULE_JOB_BOOK_H_
