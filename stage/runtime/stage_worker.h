// A stage process's side of the conversation with its coordinator.
//
//            Register ok                      command
//   AWAY  ----------------->  READY  ------------------------->  RUNNING
//    ^                        |   ^                                 |
//    +------------------------+   +---------------------------------+
//      FailedPrecondition                      Report ok
//      ("not registered")
//
// Unavailable anywhere: the same call again, after a pause that grows.
#ifndef HP_STAGE_RUNTIME_STAGE_WORKER_H_
#define HP_STAGE_RUNTIME_STAGE_WORKER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/jobs/recent_lines.h"
#include "common/jobs/stage_protocol.h"
#include "stage/runtime/coordinator_client.h"
#include "stage/runtime/stage_backend.h"
#include "stage/runtime/work_watch.h"

namespace halfpipe {

// Why StageWorker::Run came back.
struct WorkerExit {
  ExitCode code = ExitCode::kOk;
  // The failure behind a code that is not kOk. May carry a restart
  // environment (restart_environment.h): then main() restarts the program.
  absl::Status reason;
};

// Registers, asks for one command after the other, lets the backend run it and
// reports the result until the coordinator has taken it. A second thread sends
// heartbeats, and ends a running command that the coordinator abandons or that
// belongs to an old epoch.
//
// Thread rule: Run once, from any thread. Owns nothing it is given; all of it
// outlives the worker.
class StageWorker {
 public:
  struct Options {
    // How long one call of NextCommand may wait; also how late a stop is seen.
    absl::Duration poll_wait = absl::Seconds(2);
    absl::Duration heartbeat_interval = absl::Seconds(2);
    absl::Duration first_pause = absl::Milliseconds(200);
    absl::Duration longest_pause = absl::Seconds(5);
    // How long a registration is retried that a coordinator which is there does
    // not take. "Another live process has this pair and rank": the lease of a
    // process that died must run out first.
    absl::Duration conflict_timeout = absl::Seconds(60);
    // After a stop with a job loaded: time for the coordinator to have the
    // last optimizer boundary saved.
    absl::Duration stop_grace = absl::Seconds(6);
    // How long the report of a device fault is retried before the exit.
    absl::Duration fatal_report_timeout = absl::Seconds(10);
    // What was logged, told with the heartbeats and before a failure is, so
    // that the job hears why it ends; may be null. Outlives the worker.
    RecentLines* lines = nullptr;
    // How long a command may take to end that the coordinator found stuck, and
    // a step that was abandoned for another reason.
    absl::Duration stuck_timeout = absl::Seconds(10);
    absl::Duration abandon_timeout = absl::Seconds(60);
    // How long a step may go on that a restarted coordinator does not know: the
    // peer does it too, unless it never heard of it. (Where that is known, the
    // coordinator answers the heartbeat, and has it abandoned.)
    absl::Duration forgotten_step_grace = absl::Seconds(10);
    // Called from the heartbeat thread when one does not end: the process is
    // of no use any more. Empty: nothing happens.
    std::function<void(absl::string_view what)> on_hang = {};
    // Called from the heartbeat thread after each heartbeat as long as this
    // process gets on, with what it does ("step 12: 1F3"). A supervisor that
    // hears nothing more may restart it. Empty: nothing happens.
    std::function<void(absl::string_view what)> on_progress = {};
    WorkWatch::Limits limits = {};
  };

  // `commands` and `heartbeats` are two channels to the same coordinator: the
  // first one may block for long.
  StageWorker(StageInfo info, StageBackend* backend,
              CoordinatorClient* commands, CoordinatorClient* heartbeats,
              Options options);

  // Works until the coordinator sends Shutdown (kOk), `stop` is requested
  // (SIGTERM: kOk, after the grace time at most), the device fails or needs
  // another environment (kTryAgain), or the coordinator refuses this process
  // for good (kInvalidInput; kTryAgain when its place stays taken).
  //
  // After `stop` the running command is cancelled; only Save, Export, End and
  // Shutdown are still run.
  [[nodiscard]] WorkerExit Run(std::stop_token stop);

 private:
  // What the main thread does next.
  enum class Next { kContinue, kExit };

  // Whether the coordinator is away; else the call itself was refused.
  [[nodiscard]] static bool IsAway(const absl::Status& status);

  // stage_worker.cc

  Next RegisterOnce();
  Next ServeOnce();
  Next HandleResult(const StageCommand& command, const CommandResult& result);
  CommandResult Execute(const StageCommand& command);
  absl::Status Admit(const StageCommand& command, std::stop_token* stop);
  void TrackJob(const StageCommand& command, const absl::Status& status);
  // Whose lines are logged from now on.
  void AttributeLines(Epoch epoch);
  // Retries until the coordinator has answered or `deadline` has passed. A
  // result that it does not take is replaced by a failure that says why, so
  // that nobody waits for it; where that is not taken either, this process
  // registers anew.
  void Report(const CommandResult& result, absl::Time deadline);
  // The retries: OK when it was delivered, or nobody waits for it any more.
  [[nodiscard]] absl::Status Deliver(const CommandResult& result,
                                     absl::Time deadline);
  // The same, with the kind and the stage of a failure put on it.
  [[nodiscard]] absl::Status DeliverTyped(const CommandResult& result,
                                          absl::Time deadline);
  Next Exit(ExitCode code, absl::Status reason);

  // stage_worker_heartbeat.cc
  void HeartbeatLoop();
  // From either thread.
  void BeatOnce(const StageActivity& activity);
  // Takes what was logged along; a line that was not heard is told again.
  [[nodiscard]] absl::StatusOr<HeartbeatReply> SendWithLines(
      StageHeartbeat* heartbeat);
  void ApplyReply(const StageHeartbeat& sent, const HeartbeatReply& reply);
  // A coordinator that has forgotten us has forgotten the command too.
  void OnForgotten(const StageHeartbeat& sent);
  // Calls on_hang where the running command should have ended by now.
  void CheckHang();
  // Calls on_progress where this process gets on.
  void TellProgress(const StageActivity& activity);

  // The main thread did something, or is about to.
  void CountTurn();

  // Sleeps, growing with each call until ResetPause; a stop ends it early.
  void Pause();

  void ResetPause() { pause_ = options_.first_pause; }

  [[nodiscard]] bool StopIsDue();
  [[nodiscard]] bool stopping();

  const StageInfo info_;
  StageBackend* const backend_;
  CoordinatorClient* const commands_;
  CoordinatorClient* const heartbeats_;
  const Options options_;

  // Main thread only.
  absl::Duration pause_;
  bool registered_ = false;
  bool job_loaded_ = false;
  absl::Time conflict_since_ = absl::InfiniteFuture();
  int64_t last_sequence_ = 0;
  int unread_ = 0;  // calls in a row whose command could not be read
  std::optional<CommandResult> last_result_;
  WorkerExit exit_;

  // Heartbeat thread only.
  WorkWatch watch_;
  bool stands_still_ = false;

  absl::Mutex beating_;  // one heartbeat at a time: lines arrive in order
  absl::Mutex mutex_;
  int64_t turns_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time stop_deadline_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  bool announced_ ABSL_GUARDED_BY(mutex_) = false;  // has registered once
  Epoch newest_epoch_ ABSL_GUARDED_BY(mutex_);
  bool running_ ABSL_GUARDED_BY(mutex_) = false;
  bool stop_ends_command_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t sequence_ ABSL_GUARDED_BY(mutex_) = 0;
  Epoch epoch_ ABSL_GUARDED_BY(mutex_);
  std::stop_source command_stop_ ABSL_GUARDED_BY(mutex_);
  bool is_step_ ABSL_GUARDED_BY(mutex_) = false;  // the running command
  absl::Time must_end_by_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();
  std::optional<absl::Time> forgotten_since_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace halfpipe

#endif  // HP_STAGE_RUNTIME_STAGE_WORKER_H_
