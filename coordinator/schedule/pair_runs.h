// The jobs that are on pairs.
#ifndef HP_COORDINATOR_SCHEDULE_PAIR_RUNS_H_
#define HP_COORDINATOR_SCHEDULE_PAIR_RUNS_H_

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/jobs/job_types.h"
#include "coordinator/run/job_plan.h"
#include "coordinator/run/job_runner.h"
#include "coordinator/schedule/pair_run.h"
#include "coordinator/schedule/trace_book.h"
#include "coordinator/store/checkpoint_scrub.h"

namespace halfpipe {

// A run on each pair that has a job, what is left of those that have ended (a
// pair's epoch, the last steps' traces), and the thread that reads running
// jobs' checkpoints again. Not thread-safe.
class PairRuns {
 public:
  // What the runs share; its `traces` are this object's.
  explicit PairRuns(RunServices services);
  PairRuns(const PairRuns&) = delete;
  PairRuns& operator=(const PairRuns&) = delete;

  // Begins a job on a pair that has none. A run may end where it begins.
  void Start(const std::string& pair, JobPlan plan,
             std::vector<Checkpoint> checkpoints, absl::Time now);
  // Frees the pairs of runs that have ended. Whether there was one.
  bool RemoveFinished();
  // Passes the time on, and has checkpoints read again from time to time.
  void OnTick(absl::Time now);
  void StopAll(StopKind kind, absl::Time now);
  // Takes note of the runs' epochs.
  void NoteEpochs();

  [[nodiscard]] size_t size() const { return runs_.size(); }

  [[nodiscard]] bool Has(const std::string& pair) const {
    return runs_.contains(pair);
  }

  // Some pair has no job.
  [[nodiscard]] bool HasIdlePair() const;
  // nullptr: there is none.
  [[nodiscard]] PairRun* RunOn(const std::string& pair);
  [[nodiscard]] JobRunner* RunnerOn(const std::string& pair);
  // nullptr: it is on no pair, or has ended there.
  [[nodiscard]] PairRun* RunOf(const std::string& job);
  // The run whose job writes to this normalised folder; nullptr: none does.
  [[nodiscard]] const PairRun* WriterTo(const std::string& output_dir) const;
  // The last epoch that was noted of the pair, or none.
  [[nodiscard]] Epoch EpochOf(const std::string& pair) const;
  // "output" and "cache" of each.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> Folders()
      const;

  [[nodiscard]] TraceBook& traces() { return traces_; }

  [[nodiscard]] const RunServices& services() const { return services_; }

 private:
  void Scrub(absl::Time now);

  TraceBook traces_;
  const RunServices services_;
  std::map<std::string, std::unique_ptr<PairRun>> runs_;  // by pair
  std::map<std::string, Epoch> epochs_;                   // by pair
  std::optional<absl::Time> last_scrub_;
  CheckpointScrub scrub_;  // has a lock of its own
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_SCHEDULE_PAIR_RUNS_H_
