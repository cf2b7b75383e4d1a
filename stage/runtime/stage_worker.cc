#include "stage/runtime/stage_worker.h"

#include <algorithm>
#include <string>
#include <thread>
#include <utility>
#include <variant>

#include "common/base/failure.h"
#include "common/base/log.h"
#include "common/base/steady_clock.h"
#include "stage/runtime/command_dispatch.h"
#include "stage/runtime/restart_environment.h"

namespace halfpipe {
namespace {

// Errors of a command that is there and cannot be read.
bool IsUnread(const absl::Status& status) {
  return absl::IsInternal(status) || absl::IsUnknown(status) ||
         absl::IsInvalidArgument(status) || absl::IsUnimplemented(status) ||
         absl::IsDataLoss(status);
}

// Errors of a registration that no waiting cures.
bool IsRefusal(const absl::Status& status) {
  return absl::IsInvalidArgument(status) || absl::IsUnauthenticated(status) ||
         absl::IsPermissionDenied(status);
}

// Calls for a command that may fail with the coordinator there, before this
// process registers anew.
constexpr int kMostUnread = 2;

// What is still run while the process is stopping.
bool RunsWhileStopping(const CommandBody& body) {
  return std::holds_alternative<SaveCommand>(body) ||
         std::holds_alternative<ExportCommand>(body) ||
         std::holds_alternative<EndCommand>(body) ||
         std::holds_alternative<ShutdownCommand>(body);
}

// Stands for a result that was refused with `why`. Never Internal: nothing is
// wrong with this process or its device.
CommandResult Undeliverable(const CommandResult& result,
                            const absl::Status& why) {
  const bool keeps_code =
      absl::IsInvalidArgument(why) || absl::IsResourceExhausted(why);
  CommandResult failure;
  failure.sequence = result.sequence;
  failure.epoch = result.epoch;
  failure.status = absl::Status(
      keeps_code ? why.code() : absl::StatusCode::kFailedPrecondition,
      absl::StrCat(
          "what the stage found could not be delivered: ", why.message(),
          result.status.ok() ? "" : "; it was: ", result.status.message()));
  MarkFailure(FailureKind::kUndelivered, &failure.status);
  return failure;
}

}  // namespace

StageWorker::StageWorker(StageInfo info, StageBackend* backend,
                         CoordinatorClient* commands,
                         CoordinatorClient* heartbeats, Options options)
    : info_(std::move(info)),
      backend_(backend),
      commands_(commands),
      heartbeats_(heartbeats),
      options_(std::move(options)),
      pause_(options_.first_pause),
      watch_(options_.limits) {}

bool StageWorker::IsAway(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
}

WorkerExit StageWorker::Run(std::stop_token stop) {
  std::stop_callback on_stop(stop, [this] {
    std::stop_source running(std::nostopstate);
    {
      absl::MutexLock lock(&mutex_);
      stopping_ = true;
      stop_deadline_ = SteadyNow() + options_.stop_grace;
      if (running_ && stop_ends_command_) running = command_stop_;
    }
    running.request_stop();
  });
  std::thread heartbeat([this] { HeartbeatLoop(); });
  Next next = Next::kContinue;
  while (next == Next::kContinue && !StopIsDue()) {
    CountTurn();
    next = registered_ ? ServeOnce() : RegisterOnce();
  }
  {
    absl::MutexLock lock(&mutex_);
    finished_ = true;
  }
  heartbeat.join();
  return exit_;
}

StageWorker::Next StageWorker::RegisterOnce() {
  StageInfo info = info_;
  info.loaded = backend_->loaded();
  const absl::Status status = commands_->Register(info);
  if (status.ok()) {
    LogInfo("registered with the coordinator",
            {{"pair", info_.pair}, {"rank", info_.rank.value()}});
    registered_ = true;
    // Sequences count from one again for each registration.
    last_sequence_ = 0;
    last_result_.reset();
    conflict_since_ = absl::InfiniteFuture();
    ResetPause();
    absl::MutexLock lock(&mutex_);
    announced_ = true;
    return Next::kContinue;
  }
  if (IsRefusal(status)) {
    return Exit(ExitCode::kInvalidInput, Annotate(status, "register"));
  }
  if (!IsAway(status)) {
    conflict_since_ = std::min(conflict_since_, SteadyNow());
    if (SteadyNow() - conflict_since_ >= options_.conflict_timeout) {
      return Exit(ExitCode::kTryAgain, Annotate(status, "register"));
    }
  }
  LogWarning("cannot register with the coordinator; trying again",
             {{"error", status.ToString()}});
  Pause();
  return Next::kContinue;
}

StageWorker::Next StageWorker::ServeOnce() {
  const absl::Duration wait =
      stopping() ? std::min(options_.poll_wait, options_.first_pause)
                 : options_.poll_wait;
  absl::StatusOr<StageCommand> command =
      commands_->NextCommand(last_sequence_, wait);
  if (command.ok()) {
    ResetPause();
    unread_ = 0;
    if (last_result_.has_value() && command->sequence <= last_sequence_) {
      Report(*last_result_, absl::InfiniteFuture());
      return Next::kContinue;
    }
    return HandleResult(*command, Execute(*command));
  }
  if (absl::IsDeadlineExceeded(command.status())) return Next::kContinue;
  if (absl::IsFailedPrecondition(command.status())) {
    registered_ = false;
    return Next::kContinue;
  }
  LogWarning("the coordinator does not answer; trying again",
             {{"error", command.status().ToString()}});
  if (IsUnread(command.status()) && ++unread_ > kMostUnread) {
    // If a command is there, nobody will ever do it: a new registration tells
    // the coordinator so. If there is none, that changes nothing.
    unread_ = 0;
    registered_ = false;
    return Next::kContinue;
  }
  Pause();
  return Next::kContinue;
}

StageWorker::Next StageWorker::HandleResult(const StageCommand& command,
                                            const CommandResult& result) {
  last_sequence_ = command.sequence;
  last_result_ = result;
  TrackJob(command, result.status);
  // After its report the job may be over, and nothing more is put into its log.
  if (!result.status.ok() && options_.lines != nullptr) {
    BeatOnce(backend_->activity());
  }
  const bool fatal = absl::IsInternal(result.status) ||
                     !RestartEnvironmentOf(result.status).empty();
  Report(result, fatal ? SteadyNow() + options_.fatal_report_timeout
                       : absl::InfiniteFuture());
  if (fatal) return Exit(ExitCode::kTryAgain, result.status);
  if (std::holds_alternative<ShutdownCommand>(command.body) &&
      result.status.ok()) {
    return Exit(ExitCode::kOk, absl::OkStatus());
  }
  return Next::kContinue;
}

CommandResult StageWorker::Execute(const StageCommand& command) {
  CommandResult result;
  result.sequence = command.sequence;
  result.epoch = command.epoch;
  std::stop_token stop;
  result.status = Admit(command, &stop);
  if (!result.status.ok()) return result;
  AttributeLines(command.epoch);
  absl::StatusOr<ResultBody> body = Dispatch(command, stop, backend_);
  {
    absl::MutexLock lock(&mutex_);
    running_ = false;
  }
  result.status = body.status();
  if (body.ok()) {
    result.body = *std::move(body);
  } else {
    LogWarning("command failed", {{"command", CommandName(command.body)},
                                  {"sequence", command.sequence},
                                  {"error", result.status.ToString()}});
  }
  return result;
}

absl::Status StageWorker::Admit(const StageCommand& command,
                                std::stop_token* stop) {
  absl::MutexLock lock(&mutex_);
  if (command.epoch < newest_epoch_) {
    return absl::AbortedError(absl::StrCat(
        CommandName(command.body), " of epoch ", command.epoch.value(),
        ", but epoch ", newest_epoch_.value(), " has begun"));
  }
  if (stopping_ && !RunsWhileStopping(command.body)) {
    return absl::CancelledError("the stage is stopping");
  }
  newest_epoch_ = command.epoch;
  running_ = true;
  stop_ends_command_ = !RunsWhileStopping(command.body);
  sequence_ = command.sequence;
  epoch_ = command.epoch;
  is_step_ = std::holds_alternative<StepCommand>(command.body);
  must_end_by_ = absl::InfiniteFuture();
  forgotten_since_.reset();
  command_stop_ = std::stop_source();
  *stop = command_stop_.get_token();
  return absl::OkStatus();
}

void StageWorker::TrackJob(const StageCommand& command,
                           const absl::Status& status) {
  if (!status.ok()) return;
  if (std::holds_alternative<StartCommand>(command.body)) job_loaded_ = true;
  if (std::holds_alternative<EndCommand>(command.body)) {
    job_loaded_ = false;
    AttributeLines(Epoch());
  }
}

void StageWorker::AttributeLines(Epoch epoch) {
  if (options_.lines != nullptr) options_.lines->SetEpoch(epoch);
}

absl::Status StageWorker::Deliver(const CommandResult& result,
                                  absl::Time deadline) {
  int refused = 0;
  while (true) {
    CountTurn();
    absl::Status status = commands_->Report(result);
    if (status.ok()) {
      ResetPause();
      return status;
    }
    if (absl::IsFailedPrecondition(status)) return status;
    if (!IsAway(status)) {
      LogWarning("the coordinator did not take a result",
                 {{"sequence", result.sequence}, {"error", status.ToString()}});
      // What is wrong with the result itself stays wrong.
      if (absl::IsInvalidArgument(status) ||
          absl::IsResourceExhausted(status) || ++refused > 1) {
        return status;
      }
    }
    if (SteadyNow() >= deadline || StopIsDue()) return absl::OkStatus();
    Pause();
  }
}

absl::Status StageWorker::DeliverTyped(const CommandResult& result,
                                       absl::Time deadline) {
  if (result.status.ok()) return Deliver(result, deadline);
  return Deliver({result.sequence,
                  result.epoch,
                  Described(result.status, info_.rank.value()),
                  {}},
                 deadline);
}

void StageWorker::Report(const CommandResult& result, absl::Time deadline) {
  absl::Status status = DeliverTyped(result, deadline);
  if (status.ok()) return;
  if (!absl::IsFailedPrecondition(status)) {
    // The job would wait for the result for ever: it hears why there is none.
    status = DeliverTyped(Undeliverable(result, status), deadline);
    if (status.ok()) return;
  }
  // Where not even that is taken, the coordinator learns from a new
  // registration that the command is lost.
  registered_ = false;
}

StageWorker::Next StageWorker::Exit(ExitCode code, absl::Status reason) {
  exit_ = {code, std::move(reason)};
  return Next::kExit;
}

void StageWorker::CountTurn() {
  absl::MutexLock lock(&mutex_);
  ++turns_;
}

void StageWorker::Pause() {
  absl::MutexLock lock(&mutex_);
  const bool was_stopping = stopping_;
  const absl::Duration pause =
      was_stopping ? std::min(pause_, options_.first_pause) : pause_;
  if (was_stopping) {
    mutex_.AwaitWithTimeout(absl::Condition(&finished_), pause);
  } else {
    mutex_.AwaitWithTimeout(absl::Condition(&stopping_), pause);
  }
  pause_ = std::min(2 * pause_, options_.longest_pause);
}

bool StageWorker::stopping() {
  absl::MutexLock lock(&mutex_);
  return stopping_;
}

bool StageWorker::StopIsDue() {
  absl::MutexLock lock(&mutex_);
  return stopping_ && (!job_loaded_ || SteadyNow() >= stop_deadline_);
}

}  // namespace halfpipe
