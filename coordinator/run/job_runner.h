// Takes one job through one pair of stages, event by event.
//
//   wait --> scan --> encode --> open link --> start --> step <--> save
//    ^  all   |         |           |            |        |    and export
//    |  there '---------'-----------'------------'--------'----------'
//    (a step may also be an evaluation of held-out samples, alone)
//    (the checkpoint is passed over where both stages still hold the job)
//    (a disk that is full stops encode, save and export where they are, until
//    there is room)
//    '--- a stage was lost, or a command ended with Unavailable, Aborted,
//         DeadlineExceeded or a device's fault: new epoch, back to the last
//         committed checkpoint. The same, with a plan that pins less, where a
//         host did not let a stage pin what it was to
//
// Any other failure of a command ends the job with that status.
#ifndef HP_COORDINATOR_RUN_JOB_RUNNER_H_
#define HP_COORDINATOR_RUN_JOB_RUNNER_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/jobs/stage_protocol.h"
#include "coordinator/run/checkpoint_ledger.h"
#include "coordinator/run/data_preparation.h"
#include "coordinator/run/found_training.h"
#include "coordinator/run/job_plan.h"
#include "coordinator/run/job_runner_host.h"
#include "coordinator/run/job_start.h"
#include "coordinator/run/next_move.h"
#include "coordinator/run/nonfinite_guard.h"
#include "coordinator/run/publication.h"
#include "coordinator/run/recovery.h"
#include "coordinator/run/run_checkpoints.h"
#include "coordinator/run/run_context.h"
#include "coordinator/run/save_loop.h"
#include "coordinator/run/stall_watch.h"
#include "coordinator/run/step_loop.h"
#include "coordinator/run/training_data.h"
#include "coordinator/run/validation.h"

namespace halfpipe {

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

// The machine over the phases: it has the objects of the job, takes each event
// to the one that it is for, and goes where that one says (NextMove). No clock,
// no threads, no I/O but the ledger's. Not thread-safe.
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
  void OnHeartbeat(Rank rank, const StageHeartbeat& heartbeat, absl::Time now);
  // At least every second.
  void OnTick(absl::Time now);
  void Stop(StopKind kind, absl::Time now);

  // Saves once the steps that are under way have ended, if there is anything
  // new. False where the job does not train (yet).
  [[nodiscard]] bool RequestSave(absl::Time now);

  // Whether the stage should abandon the command it runs.
  [[nodiscard]] bool WantsAbandon(Rank rank) const;

  // Whether this heartbeat's command stood still and was given up.
  [[nodiscard]] bool IsStuck(Rank rank, const StageHeartbeat& heartbeat) const;

  // The checkpoints that it would go back to, oldest first.
  [[nodiscard]] std::vector<std::string> CheckpointDirectories() const;
  // One of them was read, and is not what it was: it is set aside, and where it
  // was the newest one, another is written soon.
  void OnScrubbed(const std::string& directory, const absl::Status& found);

  // Nothing more comes from this runner; the pair is free.
  [[nodiscard]] bool finished() const { return phase_ == Phase::kFinished; }

  [[nodiscard]] Epoch epoch() const { return run_.stages.epoch(); }

 private:
  enum class Phase {
    kWait,
    kScan,
    kEncode,
    kOpenLink,
    kStart,
    kStep,
    kValidate,  // between two steps
    kSave,
    kExport,
    kAddFormats,  // to a committed checkpoint
    kNoRoom,      // until a disk has room again
    kFinished,
  };

  struct StopRequest {
    [[nodiscard]] bool is_there() const { return kind != StopKind::kNone; }

    StopKind kind = StopKind::kNone;
    std::optional<absl::Time> deadline;
  };

  // Goes where an object says.
  void Follow(const NextMove& next, absl::Time now);
  void ProceedWhenReady(absl::Time now);
  // `next`: kWaitForRoom or one of kRoomTo....
  void WaitForRoom(const NextMove& next, absl::Time now);
  void Dispatch(Rank rank, const ResultBody& body, absl::Time now);
  void Load(absl::Time now);
  void OnStarted(absl::Time now);
  void OnStepReported(Rank rank, const StepReport& report, absl::Time now);
  void Save(absl::Time now);
  void CommitSave(absl::Time now);
  // Of a command of the present epoch, and of the last one.
  void OnFailure(Rank rank, const SentCommand& command,
                 const absl::Status& failure, absl::Time now);
  void OnEarlierFailure(Rank rank, const absl::Status& failure, absl::Time now);
  void Restart(const absl::Status& cause, absl::Time now);
  // A new epoch, from the last checkpoint, after `delay`.
  void FormAgain(const absl::Status& cause, absl::Duration delay,
                 absl::Time now);
  void Fail(const absl::Status& error);
  void FinishStopped(const std::string& detail, absl::Time now);
  void Finish(JobTrigger trigger, const std::string& reason,
              const absl::Status& error = absl::OkStatus());

  // Each object knows those above it alone.
  RunContext run_;
  Phase phase_ = Phase::kWait;
  StopRequest stop_;
  TrainingData data_;
  RunCheckpoints checkpoints_;
  FoundTraining found_;
  Recovery recovery_;
  DataPreparation preparation_;
  NonFiniteGuard nonfinite_;
  RunValidations validations_;
  JobStart start_;
  SaveLoop saves_;
  StepLoop steps_;
  Publication publication_;
  StallWatch stalls_;
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_RUN_JOB_RUNNER_H_
