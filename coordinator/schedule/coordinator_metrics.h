// What the coordinator tells Prometheus. docs/metrics.md lists the names.
#ifndef HP_COORDINATOR_SCHEDULE_COORDINATOR_METRICS_H_
#define HP_COORDINATOR_SCHEDULE_COORDINATOR_METRICS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/metrics/metrics_registry.h"

namespace halfpipe {

// One finished optimizer step of a job.
struct JobStepSample {
  int64_t steps_done = 0;
  int64_t steps_planned = 0;
  double loss = 0.0;
  double grad_norm = 0.0;
  double learning_rate = 0.0;
  double step_seconds = 0.0;
  double eta_seconds = 0.0;
  absl::Time time;
  bool is_first = false;  // of a start: its time is in no average
};

// What one stage did in one step, seconds and bytes.
struct StageTimes {
  double busy = 0.0;  // computing
  // Not computing, by cause: bubble (nothing to do: the schedule, the peer),
  // recv (what it waited for was on the link), data (samples were read).
  double bubble = 0.0;
  double recv = 0.0;
  double data = 0.0;
  // Inside the actions of a kind, the waits for samples left out.
  double forward = 0.0;
  double backward = 0.0;
  double optimizer = 0.0;
  double send = 0.0;  // while bytes moved
  double receive = 0.0;
  int64_t bytes_sent = 0;
  int64_t bytes_received = 0;
};

// The series of a job exist from its first step to DropJob. Thread-safe.
class CoordinatorMetrics {
 public:
  explicit CoordinatorMetrics(MetricsRegistry* registry);
  ~CoordinatorMetrics();

  // halfpipe_jobs{state}, halfpipe_queue_depth. Counts of every state; a
  // state that is not in `jobs` has none.
  void SetJobs(const std::map<std::string, int64_t>& jobs, int64_t queue_depth);

  // halfpipe_job_info{job,name,model,rank}; without `name` where it is empty
  void SetJobInfo(const std::string& job, const std::string& model,
                  int64_t lora_rank, const std::string& name = "");

  // halfpipe_job_step, _steps_planned, _eta_seconds,
  // _last_step_timestamp_seconds, halfpipe_train_loss, halfpipe_grad_norm,
  // halfpipe_learning_rate, all {job};
  // halfpipe_step_duration_seconds{phase="step"}, but for a start's first step
  void OnStep(const std::string& job, const JobStepSample& sample);

  // halfpipe_stage_busy_seconds_total{pair,stage},
  // halfpipe_stage_idle_seconds_total{pair,stage,cause},
  // halfpipe_stage_transfer_bytes_total and
  // halfpipe_stage_transfer_seconds_total{pair,stage,direction},
  // halfpipe_step_duration_seconds{stage,phase}, by rank
  void OnStageTimes(const std::string& pair,
                    const std::vector<StageTimes>& stages);

  // halfpipe_train_loss_by_timestep{job,t_band}, by the timestep in the middle
  // of each band.
  void SetLossByTimestep(const std::string& job,
                         const std::map<int64_t, double>& loss_by_timestep);

  // halfpipe_eval_loss{job,t_band}: of the last validation, by the timestep in
  // the middle of each band.
  void OnValidation(const std::string& job,
                    const std::map<int64_t, double>& loss_by_timestep);

  // halfpipe_step_duration_seconds{phase="save"},
  // halfpipe_checkpoint_save_seconds,
  // halfpipe_checkpoint_last_success_timestamp_seconds
  void OnCheckpoint(absl::Duration took, absl::Time time);

  // halfpipe_job_restarts_total{reason}: one of a few words
  void OnRestart(const std::string& reason);
  // halfpipe_nonfinite_steps_total
  void OnNonFiniteStep();

  // halfpipe_store_damaged_rows: of the last look at all of them
  void SetDamagedRows(int64_t rows);
  // halfpipe_store_copy_timestamp_seconds
  void OnStoreCopy(absl::Time time);

  // Removes every series of a job that has ended.
  void DropJob(const std::string& job);

 private:
  struct Families;

  std::unique_ptr<Families> families_;
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_SCHEDULE_COORDINATOR_METRICS_H_
