// The half of job_conversion.h that deals with jobs and their events.
#include "common/rpc/job_conversion.h"

#include <utility>

#include "common/base/status.h"
#include "common/rpc/failure_conversion.h"
#include "common/rpc/status_conversion.h"
#include "common/rpc/timed_action_conversion.h"

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

void CheckpointToProto(const Checkpoint& from, v1::Checkpoint* to) {
  to->set_steps_done(from.steps_done);
  to->set_directory(from.directory);
  to->set_time_unix_ms(absl::ToUnixMillis(from.time));
  to->set_bytes(from.bytes);
}

Checkpoint CheckpointFromProto(const v1::Checkpoint& from) {
  return {from.steps_done(), from.directory(),
          absl::FromUnixMillis(from.time_unix_ms()), from.bytes()};
}

void StepToProto(const StepProgress& from, v1::StepProgress* to) {
  to->set_steps_done(from.steps_done);
  to->set_steps_total(from.steps_total);
  to->set_loss(from.loss);
  to->set_smoothed_loss(from.smoothed_loss);
  to->set_learning_rate(from.learning_rate);
  to->set_grad_norm(from.grad_norm);
  to->set_step_seconds(from.step_seconds);
  to->set_eta_seconds(from.eta_seconds);
  to->set_next_checkpoint_step(from.next_checkpoint_step);
  to->set_next_checkpoint_seconds(from.next_checkpoint_seconds);
  for (const StageUse& use : from.stages) {
    v1::StageUse* stage = to->add_stages();
    stage->set_rank(use.rank);
    stage->set_idle_ratio(use.idle_ratio);
    stage->set_device_bytes_in_use(use.device_bytes_in_use);
    stage->set_device_peak_bytes(use.device_peak_bytes);
    stage->set_device_total_bytes(use.device_total_bytes);
    stage->set_pinned_host_bytes(use.pinned_host_bytes);
    stage->set_link_bytes_sent(use.link_bytes_sent);
    stage->set_busy_seconds(use.busy_seconds);
    stage->mutable_action_seconds()->insert(use.action_seconds.begin(),
                                            use.action_seconds.end());
    stage->mutable_kernel_seconds()->insert(use.kernel_seconds.begin(),
                                            use.kernel_seconds.end());
    AddTimedActions(use.actions, stage->mutable_actions());
  }
}

StepProgress StepFromProto(const v1::StepProgress& from) {
  StepProgress to;
  to.steps_done = from.steps_done();
  to.steps_total = from.steps_total();
  to.loss = from.loss();
  to.smoothed_loss = from.smoothed_loss();
  to.learning_rate = from.learning_rate();
  to.grad_norm = from.grad_norm();
  to.step_seconds = from.step_seconds();
  to.eta_seconds = from.eta_seconds();
  to.next_checkpoint_step = from.next_checkpoint_step();
  to.next_checkpoint_seconds = from.next_checkpoint_seconds();
  for (const v1::StageUse& stage : from.stages()) {
    StageUse use;
    use.rank = stage.rank();
    use.idle_ratio = stage.idle_ratio();
    use.device_bytes_in_use = stage.device_bytes_in_use();
    use.device_peak_bytes = stage.device_peak_bytes();
    use.device_total_bytes = stage.device_total_bytes();
    use.pinned_host_bytes = stage.pinned_host_bytes();
    use.link_bytes_sent = stage.link_bytes_sent();
    use.busy_seconds = stage.busy_seconds();
    use.action_seconds.insert(stage.action_seconds().begin(),
                              stage.action_seconds().end());
    use.kernel_seconds.insert(stage.kernel_seconds().begin(),
                              stage.kernel_seconds().end());
    use.actions = TimedActionsFrom(stage.actions());
    to.stages.push_back(use);
  }
  return to;
}

void ValidationToProto(const ValidationResult& from, v1::ValidationResult* to) {
  to->set_steps_done(from.steps_done);
  to->set_loss(from.loss);
  for (const ValidationBand& band : from.bands) {
    v1::ValidationBand* added = to->add_bands();
    added->set_timestep(band.timestep);
    added->set_loss(band.loss);
  }
  to->set_best_steps(from.best_steps);
  to->set_best_loss(from.best_loss);
}

ValidationResult ValidationFromProto(const v1::ValidationResult& from) {
  ValidationResult to;
  to.steps_done = from.steps_done();
  to.loss = from.loss();
  for (const v1::ValidationBand& band : from.bands()) {
    to.bands.push_back({band.timestep(), band.loss()});
  }
  to.best_steps = from.best_steps();
  to.best_loss = from.best_loss();
  return to;
}

struct EventWriter {
  v1::JobEvent* to;

  void operator()(const StateChange& what) {
    v1::StateChange* state = to->mutable_state();
    state->set_state(static_cast<v1::JobState>(what.state));
    state->set_reason(what.reason);
    if (!what.error.ok()) ErrorToProto(what.error, state->mutable_error());
  }

  void operator()(const StepProgress& what) {
    StepToProto(what, to->mutable_step());
  }

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
    CheckpointToProto(what, to->mutable_checkpoint());
  }

  void operator()(const ValidationResult& what) {
    ValidationToProto(what, to->mutable_validation());
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
  to.set_id(from.id);
  to.set_name(from.name);
  to.set_kind(static_cast<v1::JobKind>(from.kind));
  to.mutable_labels()->insert(from.labels.begin(), from.labels.end());
  to.set_state(static_cast<v1::JobState>(from.state));
  to.set_reason(CutMessage(from.reason, kMaxErrorBytes));
  if (!from.error.ok()) ErrorToProto(from.error, to.mutable_error());
  to.set_config_yaml(from.config_yaml);
  to.set_config_digest(from.config_digest);
  TimesToProto(from, &to);
  to.set_steps_done(from.steps_done);
  to.set_steps_total(from.steps_total);
  to.set_epoch(from.epoch);
  to.set_restarts(from.restarts);
  to.set_queue_position(from.queue_position);
  to.set_last_cursor(from.last_cursor);
  if (from.last_step) StepToProto(*from.last_step, to.mutable_last_step());
  to.set_replace(from.replace);
  to.set_accept_data(from.accept_data);
  if (from.last_validation) {
    ValidationToProto(*from.last_validation, to.mutable_last_validation());
  }
  for (const Checkpoint& checkpoint : from.checkpoints) {
    CheckpointToProto(checkpoint, to.add_checkpoints());
  }
  to.mutable_exports()->Assign(from.exports.begin(), from.exports.end());
  to.set_priority(from.priority);
  to.set_retry_limit(from.retry_limit);
  to.set_retries(from.retries);
  to.set_requested_pair(from.requested_pair);
  to.set_pair(from.pair);
  return to;
}

absl::StatusOr<Job> FromProto(const v1::Job& from) {
  Job to;
  to.id = from.id();
  to.name = from.name();
  HP_ASSIGN_OR_RETURN(to.kind, JobKindFromNumber(from.kind()));
  to.labels.insert(from.labels().begin(), from.labels().end());
  HP_ASSIGN_OR_RETURN(to.state, JobStateFromNumber(from.state()));
  to.reason = from.reason();
  to.error = ErrorFromProto(from.error());
  to.config_yaml = from.config_yaml();
  to.config_digest = from.config_digest();
  TimesFromProto(from, &to);
  to.steps_done = from.steps_done();
  to.steps_total = from.steps_total();
  to.epoch = from.epoch();
  to.restarts = from.restarts();
  to.queue_position = from.queue_position();
  to.last_cursor = from.last_cursor();
  if (from.has_last_step()) to.last_step = StepFromProto(from.last_step());
  to.replace = from.replace();
  to.accept_data = from.accept_data();
  if (from.has_last_validation()) {
    to.last_validation = ValidationFromProto(from.last_validation());
  }
  for (const v1::Checkpoint& checkpoint : from.checkpoints()) {
    to.checkpoints.push_back(CheckpointFromProto(checkpoint));
  }
  to.exports.assign(from.exports().begin(), from.exports().end());
  to.priority = from.priority();
  to.retry_limit = from.retry_limit();
  to.retries = from.retries();
  to.requested_pair = from.requested_pair();
  to.pair = from.pair();
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
      to.what = StepFromProto(from.step());
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
      to.what = CheckpointFromProto(from.checkpoint());
      return to;
    case v1::JobEvent::kValidation:
      to.what = ValidationFromProto(from.validation());
      return to;
    case v1::JobEvent::WHAT_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("event ", from.cursor(),
                   " is of a kind that this version does not know"));
}

}  // namespace halfpipe
