// The jobs as the coordinator sees them: those that something happens to in
// memory, all of them in the store.
#ifndef HP_COORDINATOR_SCHEDULE_JOB_BOOK_H_
#define HP_COORDINATOR_SCHEDULE_JOB_BOOK_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/jobs/job_types.h"
#include "coordinator/run/job_runner_host.h"
#include "coordinator/schedule/job_reader.h"
#include "coordinator/schedule/job_writes.h"
#include "coordinator/schedule/live_jobs.h"
#include "coordinator/store/job_queue.h"
#include "coordinator/store/job_state.h"
#include "coordinator/store/job_store.h"

namespace halfpipe {

// Every change goes through here: the job's row and its events are one
// transaction. A change is made in memory at once; writes() takes it to the
// disk, reader() answers. Not thread-safe; reads no clock.
class JobBook {
 public:
  static constexpr size_t kMostAtRest = LiveJobs::kMostAtRest;

  using Ticket = JobWrites::Ticket;

  // Takes over a store. Jobs that were under way are queued again, those that
  // were being cancelled are cancelled, those that were being paused paused,
  // those whose row cannot be read set aside.
  // Of jobs that wait only their place is read: nobody is served meanwhile.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<JobBook>> Load(
      std::unique_ptr<JobStore> store, absl::Time now);

  JobBook(const JobBook&) = delete;
  JobBook& operator=(const JobBook&) = delete;

  // For Wait and IsDone, which need no lock.
  [[nodiscard]] JobStore& store() { return *store_; }

  [[nodiscard]] JobReader& reader() { return reader_; }

  [[nodiscard]] JobWrites& writes() { return writes_; }

  // Of every job that has not ended, by state's name.
  [[nodiscard]] const std::map<std::string, int64_t>& CountLive() const {
    return jobs_.counts();
  }

  // The queued jobs in the order in which they start.
  [[nodiscard]] const JobQueue& queue() const { return jobs_.queue(); }

  // LiveJobs'.
  [[nodiscard]] int64_t QueuedBytes() const { return jobs_.QueuedBytes(); }

  // Adds `job`, made of `spec` (MakeJob), whose id is not known. Nobody sees it
  // before it is on the disk; if that fails, it has never been.
  void Create(const JobSpec& spec, const Job& job, absl::Time now);
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
  void SetForecasts(const std::string& id,
                    const std::vector<StageForecast>& forecasts);
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

  // Marks what has been gathered for long enough, or failed, to be written, and
  // lets go of waiting jobs that are more than kMostAtRest.
  void Flush(absl::Time now);

 private:
  explicit JobBook(std::unique_ptr<JobStore> store)
      : store_(std::move(store)),
        writes_(store_.get(), &jobs_),
        reader_(store_.get(), &jobs_, &writes_) {}

  const std::unique_ptr<JobStore> store_;
  LiveJobs jobs_;
  JobWrites writes_;  // > jobs_
  JobReader reader_;  // > jobs_, writes_
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_SCHEDULE_JOB_BOOK_H_
