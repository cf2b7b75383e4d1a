// The half of job_conversion.h that deals with jobs, their events and traces.
#include "common/rpc/job_conversion.h"

#include <utility>

#include "common/base/status.h"
#include "common/rpc/fields.h"
#include "common/rpc/status_conversion.h"

namespace halfpipe {
namespace {

// A failure's message may list every problem of a data set.
constexpr size_t kMaxErrorBytes = size_t{1} << 16;

void ErrorToProto(const absl::Status& from, v1::JobError* to) {
  to->set_code(from.raw_code());
  to->set_message(CutMessage(from.message(), kMaxErrorBytes));
  if (const auto failure = FailureOf(from); failure.has_value()) {
    *to->mutable_failure() = ToProto(*failure);
  }
}

absl::Status ErrorFromProto(const v1::JobError& from) {
  absl::Status to = MakeStatus(from.code(), from.message());
  if (from.has_failure()) SetFailure(FromProto(from.failure()), &to);
  return to;
}

// As the messages of jobs.proto hold them, and without those that are not known
// here, a newer version's.
void AddTimedActions(const std::vector<pipeline::TimedAction>& from,
                     google::protobuf::RepeatedPtrField<v1::TimedAction>* to) {
  for (const pipeline::TimedAction& timed : from) {
    v1::TimedAction* action = to->Add();
    action->set_action(pipeline::ToString(timed.action));
    action->set_start_seconds(timed.start_seconds);
    action->set_end_seconds(timed.end_seconds);
  }
}

std::vector<pipeline::TimedAction> TimedActionsFrom(
    const google::protobuf::RepeatedPtrField<v1::TimedAction>& from) {
  std::vector<pipeline::TimedAction> to;
  for (const v1::TimedAction& timed : from) {
    const auto action = pipeline::ParseAction(timed.action());
    if (!action.ok()) continue;
    to.push_back({*action, timed.start_seconds(), timed.end_seconds()});
  }
  return to;
}

}  // namespace

#define HP_CHECKPOINT_FIELDS steps_done, directory, bytes

void Copy(const Checkpoint& from, v1::Checkpoint& to) {
  HP_SET(HP_CHECKPOINT_FIELDS);
  to.set_time_unix_ms(absl::ToUnixMillis(from.time));
}

void Copy(const v1::Checkpoint& from, Checkpoint& to) {
  HP_GET(HP_CHECKPOINT_FIELDS);
  to.time = absl::FromUnixMillis(from.time_unix_ms());
}

HP_COPY_BOTH_WAYS(DeviceMemoryUse, v1::DeviceMemoryUse, weights_bytes,
                  lora_bytes, optimizer_bytes, activations_bytes,
                  workspace_bytes, free_bytes)

#define HP_FORECAST_FIELDS peak_bytes, budget_bytes, pinned_bytes

void Copy(const StageForecast& from, v1::StageForecast& to) {
  HP_SET(HP_FORECAST_FIELDS);
  Copy(from.memory, *to.mutable_memory());
}

void Copy(const v1::StageForecast& from, StageForecast& to) {
  HP_GET(HP_FORECAST_FIELDS);
  Copy(from.memory(), to.memory);
}

#define HP_STAGE_USE_FIELDS                                 \
  rank, idle_ratio, device_bytes_in_use, device_peak_bytes, \
      device_total_bytes, pinned_host_bytes, link_bytes_sent, busy_seconds

void Copy(const StageUse& from, v1::StageUse& to) {
  HP_SET(HP_STAGE_USE_FIELDS);
  HP_SET_ALL(action_seconds, kernel_seconds);
  AddTimedActions(from.actions, to.mutable_actions());
  if (from.device_memory != DeviceMemoryUse()) {
    Copy(from.device_memory, *to.mutable_device_memory());
  }
}

void Copy(const v1::StageUse& from, StageUse& to) {
  HP_GET(HP_STAGE_USE_FIELDS);
  HP_GET_ALL(action_seconds, kernel_seconds);
  to.actions = TimedActionsFrom(from.actions());
  Copy(from.device_memory(), to.device_memory);
}

#define HP_STEP_FIELDS                                                    \
  steps_done, steps_total, loss, smoothed_loss, learning_rate, grad_norm, \
      step_seconds, eta_seconds, next_checkpoint_step, next_checkpoint_seconds

void Copy(const StepProgress& from, v1::StepProgress& to) {
  HP_SET(HP_STEP_FIELDS);
  HP_SET_ALL(stages);
}

void Copy(const v1::StepProgress& from, StepProgress& to) {
  HP_GET(HP_STEP_FIELDS);
  HP_GET_ALL(stages);
}

HP_COPY_BOTH_WAYS(ValidationBand, v1::ValidationBand, timestep, loss)

#define HP_VALIDATION_FIELDS steps_done, loss, best_steps, best_loss

void Copy(const ValidationResult& from, v1::ValidationResult& to) {
  HP_SET(HP_VALIDATION_FIELDS);
  HP_SET_ALL(bands);
}

void Copy(const v1::ValidationResult& from, ValidationResult& to) {
  HP_GET(HP_VALIDATION_FIELDS);
  HP_GET_ALL(bands);
}

#define HP_STAGE_TRACE_FIELDS                                     \
  rank, step_seconds, busy_seconds, bubble_seconds, recv_seconds, \
      data_seconds, link_bytes_sent

void Copy(const StageTrace& from, v1::StageTrace& to) {
  HP_SET(HP_STAGE_TRACE_FIELDS);
  AddTimedActions(from.actions, to.mutable_actions());
}

void Copy(const v1::StageTrace& from, StageTrace& to) {
  HP_GET(HP_STAGE_TRACE_FIELDS);
  to.actions = TimedActionsFrom(from.actions());
}

#define HP_TRACE_FIELDS steps_done, loss

namespace {

struct EventWriter {
  v1::JobEvent* to;

  void operator()(const StateChange& what) {
    v1::StateChange* state = to->mutable_state();
    state->set_state(static_cast<v1::JobState>(what.state));
    state->set_reason(what.reason);
    if (!what.error.ok()) ErrorToProto(what.error, state->mutable_error());
  }

  void operator()(const StepProgress& what) { Copy(what, *to->mutable_step()); }

  void operator()(const EncodingProgress& what) {
    to->mutable_encoding()->set_samples_done(what.samples_done);
    to->mutable_encoding()->set_samples_total(what.samples_total);
    to->mutable_encoding()->set_activity(what.activity);
    to->mutable_encoding()->set_work(ToProto(what.work));
  }

  void operator()(const LogLine& what) {
    to->mutable_log()->set_severity(
        static_cast<v1::LogSeverity>(what.severity));
    to->mutable_log()->set_text(what.text);
    if (what.stage) to->mutable_log()->set_stage(*what.stage);
  }

  void operator()(const Checkpoint& what) {
    Copy(what, *to->mutable_checkpoint());
  }

  void operator()(const ValidationResult& what) {
    Copy(what, *to->mutable_validation());
  }
};

LogSeverity SeverityFromProto(v1::LogSeverity from) {
  switch (from) {
    case v1::LOG_SEVERITY_WARNING:
      return LogSeverity::kWarning;
    case v1::LOG_SEVERITY_ERROR:
      return LogSeverity::kError;
    default:
      return LogSeverity::kInfo;
  }
}

#define HP_JOB_FIELDS                                                        \
  id, name, config_yaml, config_digest, steps_done, steps_total, epoch,      \
      restarts, queue_position, last_cursor, replace, accept_data, priority, \
      retry_limit, retries, requested_pair, pair

void TimesToProto(const Job& from, v1::Job* to) {
  to->set_created_unix_ms(absl::ToUnixMillis(from.created));
  if (from.started) to->set_started_unix_ms(absl::ToUnixMillis(*from.started));
  if (from.ended) to->set_ended_unix_ms(absl::ToUnixMillis(*from.ended));
  if (from.retry_at) to->set_retry_unix_ms(absl::ToUnixMillis(*from.retry_at));
}

void TimesFromProto(const v1::Job& from, Job* to) {
  to->created = absl::FromUnixMillis(from.created_unix_ms());
  if (from.started_unix_ms() != 0) {
    to->started = absl::FromUnixMillis(from.started_unix_ms());
  }
  if (from.ended_unix_ms() != 0) {
    to->ended = absl::FromUnixMillis(from.ended_unix_ms());
  }
  if (from.retry_unix_ms() != 0) {
    to->retry_at = absl::FromUnixMillis(from.retry_unix_ms());
  }
}

}  // namespace

absl::StatusOr<JobState> JobStateFromNumber(int number) {
  if (number < static_cast<int>(JobState::kQueued) ||
      number > static_cast<int>(JobState::kPausing)) {
    return absl::InvalidArgumentError(
        absl::StrCat("unknown state of a job: ", number));
  }
  return static_cast<JobState>(number);
}

absl::StatusOr<JobKind> JobKindFromNumber(int number) {
  switch (number) {
    case v1::JOB_KIND_UNSPECIFIED:
    case v1::JOB_KIND_TRAIN:
      return JobKind::kTrain;
    case v1::JOB_KIND_PREPARE:
      return JobKind::kPrepare;
    case v1::JOB_KIND_CHECK:
      return JobKind::kCheck;
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("unknown kind of job: ", number));
  }
}

v1::Job ToProto(const Job& from) {
  v1::Job to;
  HP_SET(HP_JOB_FIELDS);
  HP_SET_ALL(labels, checkpoints, exports, forecasts);
  to.set_kind(static_cast<v1::JobKind>(from.kind));
  to.set_state(static_cast<v1::JobState>(from.state));
  to.set_reason(CutMessage(from.reason, kMaxErrorBytes));
  if (!from.error.ok()) ErrorToProto(from.error, to.mutable_error());
  TimesToProto(from, &to);
  if (from.last_step) Copy(*from.last_step, *to.mutable_last_step());
  if (from.last_validation) {
    Copy(*from.last_validation, *to.mutable_last_validation());
  }
  return to;
}

absl::StatusOr<Job> FromProto(const v1::Job& from) {
  Job to;
  HP_GET(HP_JOB_FIELDS);
  HP_GET_ALL(labels, checkpoints, exports, forecasts);
  HP_ASSIGN_OR_RETURN(to.kind, JobKindFromNumber(from.kind()));
  HP_ASSIGN_OR_RETURN(to.state, JobStateFromNumber(from.state()));
  to.reason = from.reason();
  to.error = ErrorFromProto(from.error());
  TimesFromProto(from, &to);
  if (from.has_last_step()) Copy(from.last_step(), to.last_step.emplace());
  if (from.has_last_validation()) {
    Copy(from.last_validation(), to.last_validation.emplace());
  }
  return to;
}

v1::JobEvent ToProto(const JobEvent& from) {
  v1::JobEvent to;
  to.set_cursor(from.cursor);
  to.set_time_unix_ms(absl::ToUnixMillis(from.time));
  std::visit(EventWriter{&to}, from.what);
  return to;
}

absl::StatusOr<JobEvent> FromProto(const v1::JobEvent& from) {
  JobEvent to;
  to.cursor = from.cursor();
  to.time = absl::FromUnixMillis(from.time_unix_ms());
  switch (from.what_case()) {
    case v1::JobEvent::kState: {
      StateChange change;
      HP_ASSIGN_OR_RETURN(change.state,
                          JobStateFromNumber(from.state().state()));
      change.reason = from.state().reason();
      change.error = ErrorFromProto(from.state().error());
      to.what = std::move(change);
      return to;
    }
    case v1::JobEvent::kStep:
      Copy(from.step(), to.what.emplace<StepProgress>());
      return to;
    case v1::JobEvent::kEncoding:
      to.what = EncodingProgress{
          from.encoding().samples_done(), from.encoding().samples_total(),
          from.encoding().activity(), FromProto(from.encoding().work())};
      return to;
    case v1::JobEvent::kLog: {
      LogLine line{SeverityFromProto(from.log().severity()), from.log().text()};
      if (from.log().has_stage()) line.stage = from.log().stage();
      to.what = std::move(line);
      return to;
    }
    case v1::JobEvent::kCheckpoint:
      Copy(from.checkpoint(), to.what.emplace<Checkpoint>());
      return to;
    case v1::JobEvent::kValidation:
      Copy(from.validation(), to.what.emplace<ValidationResult>());
      return to;
    case v1::JobEvent::WHAT_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("event ", from.cursor(),
                   " is of a kind that this version does not know"));
}

v1::StepTrace ToProto(const StepTrace& from) {
  v1::StepTrace to;
  HP_SET(HP_TRACE_FIELDS);
  HP_SET_ALL(stages);
  to.set_time_unix_ms(absl::ToUnixMillis(from.time));
  return to;
}

StepTrace FromProto(const v1::StepTrace& from) {
  StepTrace to;
  HP_GET(HP_TRACE_FIELDS);
  HP_GET_ALL(stages);
  to.time = absl::FromUnixMillis(from.time_unix_ms());
  return to;
}

}  // namespace halfpipe
