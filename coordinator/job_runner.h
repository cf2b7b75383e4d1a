// Takes one job through one pair of stages, event by event.
//
//   wait --> scan --> encode --> open link --> start --> step <--> save
//    ^  all   |         |           |            |        |    and export
//    |  there '---------'-----------'------------'--------'----------'
//    '--- a stage was lost, or a command ended with Unavailable, Aborted,
//         DeadlineExceeded or a device's fault: new epoch, back to the last
//         committed checkpoint. The same, with a plan that pins less, where a
//         host did not let a stage pin what it was to
//
// Any other failure of a command ends the job with that status.
#ifndef HP_COORDINATOR_JOB_RUNNER_H_
#define HP_COORDINATOR_JOB_RUNNER_H_

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/pipeline/schedule.h"
#include "common/rpc/job_types.h"
#include "common/runtime/stage_protocol.h"
#include "coordinator/checkpoint_ledger.h"
#include "coordinator/job_memory.h"
#include "coordinator/job_plan.h"
#include "coordinator/job_state.h"
#include "coordinator/progress_meter.h"
#include "coordinator/restart_policy.h"

namespace halfpipe {

using JobEventBody = decltype(JobEvent::what);

// What a runner does to the world. Called only from within the runner's own
// methods.
class JobRunnerHost {
 public:
  virtual ~JobRunnerHost() = default;

  // Queues a command of the present epoch and returns its sequence. REQUIRES:
  // the stage is there.
  virtual int64_t Send(Rank rank, CommandBody body) = 0;
  // Takes back what was queued and not yet delivered to the stage; returns the
  // sequence of the last command that was delivered.
  virtual int64_t Retract(Rank rank) = 0;
  // Voids every command of both stages.
  [[nodiscard]] virtual absl::StatusOr<Epoch> NewEpoch() = 0;

  virtual void ChangeState(JobTrigger trigger, const std::string& reason,
                           const absl::Status& error) = 0;
  virtual void Emit(const JobEventBody& event) = 0;
  // The commit: durable when it returns OK.
  [[nodiscard]] virtual absl::Status CommitCheckpoint(
      const Checkpoint& checkpoint) = 0;
  virtual void ForgetCheckpoint(const Checkpoint& checkpoint) = 0;
  virtual void SetExports(const std::vector<std::string>& paths) = 0;
};

// Why a job is to stop.
enum class StopKind {
  kNone,
  kCancel,     // save the last optimizer step, then cancelled
  kCancelNow,  // cancelled
  kInterrupt,  // save the last optimizer step, then queued again
  kPause,      // save the last optimizer step, then paused
  kRestart,    // save the last optimizer step, then a new epoch: a stage that
               // is being stopped cancels its step and still saves
};

// No clock, no threads, no I/O but the ledger's. Not thread-safe.
class JobRunner {
 public:
  // `checkpoints`: the committed ones, oldest first. The pointers outlive it.
  JobRunner(JobPlan plan, std::vector<Checkpoint> checkpoints,
            CheckpointLedger* ledger, JobRunnerHost* host);

  // The first call. `stages` are those of the pair that are there; the job
  // waits for the ones it lacks.
  void Begin(const std::vector<StageInfo>& stages, absl::Time now);

  void OnJoined(const StageInfo& stage, absl::Time now);
  void OnLost(Rank rank, absl::Time now);
  // Results of another epoch, repeated and unexpected ones are ignored.
  void OnResult(Rank rank, const CommandResult& result, absl::Time now);
  void OnHeartbeat(Rank rank, const StageHeartbeat& heartbeat);
  // At least every second.
  void OnTick(absl::Time now);
  void Stop(StopKind kind, absl::Time now);

  // Saves once the steps that are under way have ended, if there is anything
  // new. False where the job does not train (yet).
  [[nodiscard]] bool RequestSave(absl::Time now);

  // Whether the stage should abandon the command it runs.
  [[nodiscard]] bool WantsAbandon(Rank rank) const;

  // Nothing more comes from this runner; the pair is free.
  [[nodiscard]] bool finished() const { return phase_ == Phase::kFinished; }

  [[nodiscard]] Epoch epoch() const { return epoch_; }

 private:
  enum class Phase {
    kWait,
    kScan,
    kEncode,
    kOpenLink,
    kStart,
    kStep,
    kSave,
    kExport,
    kFinished,
  };

  // A command that was sent and not yet answered.
  struct Pending {
    int64_t sequence = 0;
    size_t kind = 0;  // index in CommandBody
    int64_t step = 0;
  };

  struct Stage {
    std::optional<StageInfo> info;
    std::deque<Pending> pending;
    int64_t device_total_bytes = 0;
    int64_t samples_encoded = 0;
    int64_t steps_done = 0;  // optimizer steps in this stage's weights
    StartResult start;
    std::map<int64_t, StepReport> reports;  // of steps the peer is at
  };

  // job_runner.cc: what holds in every phase
  void Send(Rank rank, CommandBody body, int64_t step = 0);
  void SendAll(const CommandBody& body);
  [[nodiscard]] bool AllAnswered() const;
  [[nodiscard]] std::string MissingStages() const;
  void ProceedWhenReady(absl::Time now);
  void RetractSteps();
  void Fail(const absl::Status& error);
  void FinishStopped(const std::string& detail, absl::Time now);
  void Finish(JobTrigger trigger, const std::string& reason,
              const absl::Status& error = absl::OkStatus());
  void Say(LogSeverity severity, std::string text);
  void Dispatch(Rank rank, const ResultBody& body, absl::Time now);

  // job_runner_failure.cc: what goes wrong, and OnLost
  void OnEarlierResult(Rank rank, const CommandResult& result, absl::Time now);
  void OnFailure(Rank rank, const Pending& command, const absl::Status& failure,
                 absl::Time now);
  [[nodiscard]] absl::Status Explain(Rank rank, const absl::Status& status);
  // Whether the next plan pins less because of this failure.
  [[nodiscard]] bool PlanToPinLess(Rank rank, const absl::Status& status);
  void Restart(const absl::Status& cause, absl::Time now);

  // job_runner_prepare.cc: from the scan to the loaded model
  void BeginScan();
  void OnScanned(const ScanResult& result);
  void BeginEncode();
  void OnEncoded(const EncodeResult& result);
  void EmitEncoding(const std::string& activity);
  void BeginStart();
  [[nodiscard]] absl::Status ChooseCheckpoint();
  void OnLinkOpen(const std::string& rendezvous);
  [[nodiscard]] absl::StatusOr<StartCommand> MakeStart(
      const std::string& rendezvous);
  void OnStarted(absl::Time now);

  // job_runner_train.cc: steps and saves
  [[nodiscard]] StepCommand MakeStep(int64_t step) const;
  void Advance(absl::Time now);
  [[nodiscard]] bool MayIssue(absl::Time now) const;
  [[nodiscard]] bool SaveIsDue(int64_t steps_done, absl::Time now) const;
  void OnStepReported(Rank rank, const StepReport& report, absl::Time now);
  [[nodiscard]] bool FinishStep(int64_t step, absl::Time now);
  void EndSteps(absl::Time now);
  void BeginSave();
  void OnSaved(const std::vector<SavedFile>& files, absl::Time now);
  void BeginExport();
  void CommitSave(absl::Time now);
  [[nodiscard]] absl::Status CommitFiles(absl::Time now);
  void RemoveOldCheckpoints();
  void Complete(const std::string& directory);

  const JobPlan plan_;
  const int32_t world_;
  CheckpointLedger* const ledger_;
  JobRunnerHost* const host_;

  Phase phase_ = Phase::kWait;
  StopKind stop_ = StopKind::kNone;
  std::optional<absl::Time> stop_deadline_;
  Epoch epoch_;
  Epoch last_epoch_;  // the one before
  std::array<Stage, 2> stages_;
  RestartPolicy restarts_;
  ProgressMeter meter_;

  // while waiting
  absl::Time wait_since_;
  absl::Time resume_at_;
  // A stage failed in a way that its peer may know the cause of.
  std::optional<absl::Status> suspected_;
  absl::Time suspected_until_;

  std::optional<ScanResult> scan_;
  bool encoded_ = false;
  std::vector<std::string> rejected_;
  pipeline::Schedule schedule_;
  int64_t split_ = 0;
  std::string resume_from_;
  std::vector<StageForecast> forecasts_;  // of the present plan
  std::vector<int64_t> pin_limits_;       // of the next one
  int pin_refusals_ = 0;
  std::string refused_;  // the last refusal's message
  std::string cause_;    // of the last restart, until the job runs again

  int64_t steps_done_ = 0;  // of the pair
  int64_t next_step_ = 0;   // to be issued
  int64_t saved_steps_ = 0;
  bool save_requested_ = false;
  absl::Time last_save_;
  std::string save_directory_;  // temporary; empty: none is open
  std::vector<SavedFile> save_files_;
  std::vector<Checkpoint> checkpoints_;
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_JOB_RUNNER_H_
