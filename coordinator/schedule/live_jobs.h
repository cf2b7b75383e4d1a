// The jobs that something happens to, in memory, and the places of those that
// wait.
#ifndef HP_COORDINATOR_SCHEDULE_LIVE_JOBS_H_
#define HP_COORDINATOR_SCHEDULE_LIVE_JOBS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/jobs/job_types.h"
#include "coordinator/schedule/job_placement.h"
#include "coordinator/store/job_queue.h"
#include "coordinator/store/job_store.h"
#include "coordinator/store/stored_job.h"

namespace halfpipe {

// A job in memory, with what of it is not on the disk yet.
struct LiveJob {
  StoredJob stored;      // with its config until `created`
  bool created = true;   // false until its row is on the disk
  bool at_rest = false;  // among LiveJobs' waiting ones
  std::vector<JobEvent> unwritten;
  absl::Time unwritten_since;
  bool urgent = false;      // `unwritten` goes with the next Submit
  JobStore::Ticket ticket;  // of `in_flight`
  std::vector<JobEvent> in_flight;
  int64_t written_cursor = 0;
  absl::Status last_write;
};

// What decides where and when a queued job may start, so that the queue can be
// gone through without its jobs.
struct QueuedNeeds {
  JobNeeds needs;
  absl::Time not_before;
  std::string reason;
};

// Queue and counts may hold jobs that are not in memory: of those that wait
// only what is needed to give them their turn. A pointer lives until its job is
// dropped. Not thread-safe; reads no clock and no disk.
class LiveJobs {
 public:
  // Waiting jobs that are kept in memory.
  static constexpr size_t kMostAtRest = 1000;

  // A job on its way to the disk, which nobody sees before OnCreated.
  LiveJob* AddComing(StoredJob stored);
  void OnCreated(LiveJob* live);
  // Puts a job that is on the disk into memory.
  LiveJob* Admit(StoredJob stored);
  // The place of a job that waits and is only on the disk.
  void Enqueue(const QueuedJob& job);
  // Takes a damaged job, which is not in memory, out of the queue.
  void TakeOut(const std::string& id);
  // No effect for a job that is not in memory.
  void Drop(const std::string& id);
  void ChangeState(LiveJob* live, JobState state);

  // The job of this id if it is there for others to see; else nullptr.
  [[nodiscard]] LiveJob* Find(const std::string& id);
  [[nodiscard]] const LiveJob* Find(const std::string& id) const;
  // Also one on its way to the disk.
  [[nodiscard]] LiveJob* FindAny(const std::string& id);
  [[nodiscard]] const LiveJob* FindAny(const std::string& id) const;

  // Kept until the job leaves its state; nullptr: not there.
  [[nodiscard]] QueuedNeeds* FindNeeds(const std::string& id);
  QueuedNeeds* KeepNeeds(const std::string& id, QueuedNeeds needs);

  // Lets go of a waiting job at some later time. No effect on others.
  void LetRest(LiveJob* live);
  // Lets go of waiting jobs that are more than kMostAtRest and written.
  void Rest();

  // The queued jobs in the order in which they start.
  [[nodiscard]] const JobQueue& queue() const { return queue_; }

  // Of every job that has not ended, by state's name.
  [[nodiscard]] const std::map<std::string, int64_t>& counts() const {
    return counts_;
  }

  // What limits.queued_bytes is about: of the queue, and of jobs on their way
  // to the disk.
  [[nodiscard]] int64_t QueuedBytes() const {
    return queue_.bytes() + coming_bytes_;
  }

 private:
  void Enter(const LiveJob& live);
  void Leave(const LiveJob& live);
  void CountDown(JobState state);

  std::map<std::string, LiveJob> live_;
  JobQueue queue_;
  int64_t coming_bytes_ = 0;  // of jobs in live_ that are not created
  std::map<std::string, QueuedNeeds> needs_;
  std::deque<std::string> at_rest_;  // waiting ones in live_, oldest first
  std::map<std::string, int64_t> counts_;
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_SCHEDULE_LIVE_JOBS_H_
