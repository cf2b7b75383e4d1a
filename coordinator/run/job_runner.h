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

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/jobs/job_types.h"
#include "common/jobs/stage_protocol.h"
#include "common/pipeline/schedule.h"
#include "coordinator/run/checkpoint_ledger.h"
#include "coordinator/run/job_memory.h"
#include "coordinator/run/job_plan.h"
#include "coordinator/run/output_folder.h"
#include "coordinator/run/progress_meter.h"
#include "coordinator/run/progress_watch.h"
#include "coordinator/run/restart_policy.h"
#include "coordinator/run/sample_list.h"
#include "coordinator/store/job_state.h"

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
  // Why the job stays in the state that it is in; "" when it goes on.
  virtual void SetReason(const std::string& reason) = 0;
  virtual void Emit(const JobEventBody& event) = 0;
  // What the stages measured in a step that counts, by rank; before its Emit.
  virtual void OnReports(const std::vector<StepReport>& reports) = 0;
  // A step ended the epoch or the job because its loss or gradient is not
  // finite. (One that is skipped is told by its Emit.)
  virtual void OnNonFiniteStep() = 0;
  // The pair forms again, for one of RestartReason's words.
  virtual void OnRestart(absl::string_view reason) = 0;
  // The commit: durable when it returns OK.
  [[nodiscard]] virtual absl::Status CommitCheckpoint(
      const Checkpoint& checkpoint) = 0;
  virtual void ForgetCheckpoint(const Checkpoint& checkpoint) = 0;
  // A checkpoint of this training that was found in the output folder.
  virtual void AdoptCheckpoint(const Checkpoint& checkpoint) = 0;
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
    kNoRoom,  // until a disk has room again
    kFinished,
  };

  // What is done again when a disk has room.
  enum class RoomFor { kEncode, kSave, kPublish };

  // A command that was sent and not yet answered.
  struct Pending {
    int64_t sequence = 0;
    size_t kind = 0;  // index in CommandBody
    int64_t step = 0;
  };

  struct Stage {
    std::optional<StageInfo> info;
    std::deque<Pending> pending;
    std::deque<Pending> abandoned;  // of the last epoch, without an answer
    int64_t device_total_bytes = 0;
    int64_t samples_encoded = 0;
    int64_t steps_done = 0;  // optimizer steps in this stage's weights
    StartResult start;
    Pending stuck;  // the last command that was given up, of stuck_epoch
    Epoch stuck_epoch;
    // What its process could go on with; nullopt: not known, or nothing.
    std::optional<LoadedJob> held;
    std::map<int64_t, StepReport> reports;  // of steps the peer is at
  };

  // job_runner.cc: what holds in every phase
  void Welcome(const StageInfo& info);
  void Send(Rank rank, CommandBody body, int64_t step = 0);
  void SendAll(const CommandBody& body);
  [[nodiscard]] bool AllAnswered() const;
  [[nodiscard]] std::string MissingStages() const;
  [[nodiscard]] std::optional<int32_t> OnlyMissingStage() const;
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
  // A new epoch, from the last checkpoint, after `delay`.
  void FormAgain(const absl::Status& cause, absl::Duration delay,
                 absl::Time now);

  // job_runner_folder.cc: what lies in the output folder
  // Adopts the checkpoints of this training that lie there. InvalidArgument:
  // another job's are in the way.
  [[nodiscard]] absl::Status TakeFolder(absl::Time now);
  [[nodiscard]] absl::Status MakeWay(const std::vector<std::string>& paths,
                                     absl::Time now);
  // What another number of steps than before changes, where it goes on `from`.
  void SayStepsChange(int64_t from);
  void ForgetWhatIsGone(const std::vector<FoundCheckpoint>& there);
  void Adopt(const Checkpoint& checkpoint);
  // Whether the job trains what its newest checkpoint was trained on, as far as
  // the scan shows it. With other weights or data and --replace it begins anew.
  [[nodiscard]] absl::Status CheckContent(absl::Time now);
  // "": nothing, as far as it is known before anything is encoded.
  [[nodiscard]] absl::StatusOr<std::string> WhatDiffersInData();
  // The checkpoints and LoRA files in the folder make way.
  [[nodiscard]] absl::Status BeginAnew(absl::Time now);
  [[nodiscard]] SampleList ListOwnSamples() const;
  // Puts the samples into the order in which the checkpoint had them, whatever
  // they are called now.
  [[nodiscard]] absl::Status TakeRecordedOrder();
  [[nodiscard]] absl::Status CheckData(const CheckpointManifest& manifest,
                                       const std::string& directory);
  void RecordTraining(CheckpointManifest* manifest) const;

  // job_runner_continue.cc: stages that hold the job
  // Optimizer steps that every stage holds, 0: nothing to go on with.
  [[nodiscard]] int64_t StepsHeld() const;
  void ForgetHeld();
  [[nodiscard]] absl::StatusOr<StartCommand> MakeContinuation(
      const std::string& rendezvous, const std::vector<StageInfo>& infos);

  // job_runner_nonfinite.cc: steps that are no numbers
  [[nodiscard]] absl::Status TakeNonFinite(const StepProgress& progress,
                                           int64_t step);
  [[nodiscard]] bool RollBack(const Pending& command,
                              const absl::Status& failure, absl::Time now);
  // The learning rate's factor at the checkpoint that was chosen, which says
  // `recorded`.
  void TakeFactor(bool rolling_back, double recorded);
  // Whether a rollback may end at this checkpoint, and whether it is the one
  // that the next would end at.
  [[nodiscard]] bool IsRegular(const Checkpoint& checkpoint) const;
  [[nodiscard]] bool IsRollbackTarget(const Checkpoint& checkpoint) const;

  // job_runner_room.cc: disks that are full, systems that are short
  [[nodiscard]] bool TakeDiskFull(const Pending& command,
                                  const absl::Status& failure, absl::Time now);
  void WaitForRoom(RoomFor what, absl::Time now);
  void HoldForRoom(RoomFor what, const absl::Status& cause);
  void TryForRoom(absl::Time now);
  // Whether `error` passes by itself: then the next tick starts again.
  [[nodiscard]] bool TakeShortage(const absl::Status& error);
  [[nodiscard]] std::optional<absl::Duration> DelayBeforeRestart(
      const absl::Status& cause);
  void FoundRoom();

  // job_runner_watch.cc: what gets on, and what does not
  void WatchProgress(Rank rank, const StageHeartbeat& heartbeat,
                     absl::Time now);
  [[nodiscard]] std::string StallText(const ProgressWatch::Stall& stall) const;

  // job_runner_prepare.cc: from the scan to the loaded model
  void BeginScan();
  void OnScanned(const ScanResult& result, absl::Time now);
  void BeginEncode();
  void OnEncoded(const EncodeResult& result);
  // Takes what could not be encoded out of the data set, where that is asked
  // for. InvalidArgument with the list of them.
  [[nodiscard]] absl::Status DropRejected();
  void EmitEncoding(const std::string& activity);
  void BeginStart();
  [[nodiscard]] absl::Status ChooseCheckpoint();
  // For a check: the steps of the checkpoint that ChooseCheckpoint would find.
  [[nodiscard]] absl::StatusOr<int64_t> FindWhole();
  // The failure of a job whose every checkpoint is damaged, with the ways out.
  [[nodiscard]] absl::Status NoneIsWhole(const absl::Status& damage) const;
  // They count no more, for `keep` either, now that there is a good one.
  void SetAside(const std::vector<Checkpoint>& damaged);
  void OnLinkOpen(const std::string& rendezvous);
  [[nodiscard]] absl::StatusOr<StartCommand> MakeStart(
      const std::string& rendezvous);
  void OnStarted(absl::Time now);

  // job_runner_inspect.cc: what is only looked at
  void BeginInspect();
  // Whether clips are looked at instead of encoded: by a check, and where the
  // scan found problems, so that all of them are named at once.
  [[nodiscard]] bool Inspects() const;
  void LookBesideProblems();
  void OnInspected();
  // What the scan found, with where it comes from; its lines, with that and
  // without. REQUIRES: scan_.
  [[nodiscard]] absl::Status FoundProblems() const;
  [[nodiscard]] std::set<std::string> ProblemLines() const;
  // `error` behind what the scan found, each line once.
  [[nodiscard]] absl::Status BehindProblems(const absl::Status& error) const;
  void WarnOfShortClips();

  // job_runner_validate.cc: evaluations of held-out samples
  [[nodiscard]] absl::Status HoldOutSamples();
  [[nodiscard]] absl::Status AddEvaluation(StartCommand* start) const;
  // The step behind which the job ends, unless a later validation changes that.
  [[nodiscard]] int64_t LastStep() const;
  [[nodiscard]] std::string DoneText() const;
  [[nodiscard]] bool ValidationIsDue(int64_t steps_done) const;
  // Whose record counts, and whether stages that hold the job may go on with
  // it. `known`: the record from before the last checkpoint was read.
  void ChooseRecord(const ValidationRecord& known);
  void BeginValidation();
  void OnEvaluated(const StepReport& report, absl::Time now);
  [[nodiscard]] bool IsBest(const Checkpoint& checkpoint) const;
  [[nodiscard]] size_t CheckpointsToKeep() const;

  // job_runner_train.cc: steps and saves
  [[nodiscard]] StepCommand MakeStep(int64_t step) const;
  void Advance(absl::Time now);
  [[nodiscard]] bool MayIssue(absl::Time now) const;
  [[nodiscard]] bool SaveIsDue(int64_t steps_done, absl::Time now) const;
  void OnStepReported(Rank rank, const StepReport& report, absl::Time now);
  [[nodiscard]] bool FinishStep(int64_t step, absl::Time now);
  void EndSteps(absl::Time now);
  void BeginSave(absl::Time now);
  void OnSaved(const std::vector<FileEntry>& files, absl::Time now);
  void BeginExport();
  void CommitSave(absl::Time now);
  [[nodiscard]] absl::Status CommitFiles(absl::Time now);
  void RemoveOldCheckpoints();
  // Of output.formats what the last checkpoint has no file of.
  [[nodiscard]] std::vector<std::string> MissingFormats() const;
  // Makes the last checkpoint one of this job's config, where that of another
  // number of steps wrote it: its LoRA files name that config, and are no
  // longer listed, so that they are made anew. (Before they are: a crash in
  // between leaves a checkpoint that is whole.)
  [[nodiscard]] absl::Status TakeOver(const std::string& directory);
  void OnFormatsAdded(const ExportResult& result);
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
  ProgressWatch watch_;

  // while waiting
  absl::Time wait_since_;
  absl::Time resume_at_;
  bool has_folder_ = false;  // what is in it is known
  // A stage failed in a way that its peer may know the cause of.
  std::optional<absl::Status> suspected_;
  absl::Time suspected_until_;

  // While a disk is full. The cause is set from the first report on.
  std::optional<absl::Status> full_disk_;
  RoomFor room_for_ = RoomFor::kEncode;
  int room_attempts_ = 0;
  std::optional<absl::Time> room_try_at_;  // the next tick sets it
  std::optional<absl::Status> shortage_;   // the next tick starts again for it

  Training training_;
  std::optional<FoundCheckpoint> newest_;  // own, as the folder had it
  std::optional<SampleList> recorded_;     // its samples
  std::optional<int64_t> steps_before_;    // its train.steps, until it is said
  std::optional<SampleList> listed_;  // this job's, before any are held out

  std::optional<ScanResult> scan_;
  bool encoded_ = false;
  std::vector<std::string> rejected_;
  std::set<std::string> rejected_paths_;
  std::vector<ShortClip> short_clips_;
  pipeline::Schedule schedule_;
  int64_t split_ = 0;
  std::string resume_from_;
  int64_t continue_at_ = 0;   // of the start that runs; 0: from files
  bool may_continue_ = true;  // it did not fail last time
  StartCommand started_;      // the last start that was sent
  std::vector<StageForecast> forecasts_;  // of the present plan
  std::vector<int64_t> pin_limits_;       // of the next one
  int pin_refusals_ = 0;
  std::string refused_;  // the last refusal's message
  std::string cause_;    // of the last restart, until the job runs again

  int64_t skipped_in_a_row_ = 0;
  double learning_rate_factor_ = 1.0;
  // Where the last rollback went, until a checkpoint is committed behind it.
  std::optional<int64_t> rolled_back_to_;
  bool rolling_back_ = false;  // the next checkpoint is to be a regular one

  std::vector<SampleRef> held_out_;  // of the scan's; empty: no validation
  ValidationRecord validated_;
  bool validating_ = false;              // in kStep: between two steps
  std::optional<StepReport> evaluated_;  // of the head's rank

  int64_t steps_done_ = 0;  // of the pair
  int64_t next_step_ = 0;   // to be issued
  int64_t saved_steps_ = 0;
  bool save_requested_ = false;
  bool save_soon_ = false;  // the newest checkpoint was lost
  absl::Time last_save_;
  std::string save_directory_;  // temporary; empty: none is open
  std::vector<FileEntry> save_files_;
  std::vector<Checkpoint> checkpoints_;
  CheckpointManifest last_manifest_;  // of the newest one that counts
  bool adding_formats_ = false;       // in kExport: to a committed checkpoint
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_RUN_JOB_RUNNER_H_
