// The half of job_conversion.h that deals with requests, lists and the server
// itself.
#include "common/base/status.h"
#include "common/rpc/job_conversion.h"

namespace halfpipe {

v1::CreateJobRequest ToProto(const JobSpec& from) {
  v1::CreateJobRequest to;
  to.set_id(from.id);
  to.set_kind(static_cast<v1::JobKind>(from.kind));
  to.set_config_yaml(from.config_yaml);
  to.set_file_name(from.file_name);
  to.set_base_dir(from.base_dir);
  to.mutable_labels()->insert(from.labels.begin(), from.labels.end());
  to.set_validate_only(from.validate_only);
  to.set_record_dir(from.record_dir);
  if (from.join_timeout != absl::InfiniteDuration()) {
    to.set_join_timeout_seconds(absl::ToDoubleSeconds(from.join_timeout));
  }
  to.set_priority(from.priority);
  to.set_retry_limit(from.retry_limit);
  // The default is not written: what an older version stored of the same
  // request must stay equal to it.
  if (from.retry_backoff != kDefaultRetryBackoff) {
    to.set_retry_backoff_seconds(absl::ToDoubleSeconds(from.retry_backoff));
  }
  to.set_pair(from.pair);
  to.set_replace(from.replace);
  to.set_accept_data(from.accept_data);
  to.set_quick(from.quick);
  return to;
}

absl::StatusOr<JobSpec> FromProto(const v1::CreateJobRequest& from) {
  JobSpec to;
  to.id = from.id();
  HP_ASSIGN_OR_RETURN(to.kind, JobKindFromNumber(from.kind()));
  to.config_yaml = from.config_yaml();
  to.file_name = from.file_name();
  to.base_dir = from.base_dir();
  to.labels.insert(from.labels().begin(), from.labels().end());
  to.validate_only = from.validate_only();
  to.record_dir = from.record_dir();
  if (from.join_timeout_seconds() > 0) {
    to.join_timeout = absl::Seconds(from.join_timeout_seconds());
  }
  to.priority = from.priority();
  to.retry_limit = from.retry_limit();
  if (from.retry_backoff_seconds() != 0) {
    to.retry_backoff = absl::Seconds(from.retry_backoff_seconds());
  }
  to.pair = from.pair();
  to.replace = from.replace();
  to.accept_data = from.accept_data();
  to.quick = from.quick();
  return to;
}

v1::ListJobsRequest ToProto(const JobQuery& from) {
  v1::ListJobsRequest to;
  for (JobState state : from.states) {
    to.add_states(static_cast<v1::JobState>(state));
  }
  to.mutable_labels()->insert(from.labels.begin(), from.labels.end());
  to.set_page_size(from.page_size);
  to.set_page_token(from.page_token);
  return to;
}

absl::StatusOr<JobQuery> FromProto(const v1::ListJobsRequest& from) {
  JobQuery to;
  for (int number : from.states()) {
    HP_ASSIGN_OR_RETURN(JobState state, JobStateFromNumber(number));
    to.states.push_back(state);
  }
  to.labels.insert(from.labels().begin(), from.labels().end());
  to.page_size = from.page_size();
  to.page_token = from.page_token();
  return to;
}

v1::ListJobsResponse ToProto(const JobPage& from) {
  v1::ListJobsResponse to;
  for (const Job& job : from.jobs) *to.add_jobs() = ToProto(job);
  to.set_next_page_token(from.next_page_token);
  return to;
}

absl::StatusOr<JobPage> FromProto(const v1::ListJobsResponse& from) {
  JobPage to;
  for (const v1::Job& message : from.jobs()) {
    HP_ASSIGN_OR_RETURN(Job job, FromProto(message));
    to.jobs.push_back(std::move(job));
  }
  to.next_page_token = from.next_page_token();
  return to;
}

v1::GetServerInfoResponse ToProto(const ServerInfo& from) {
  v1::GetServerInfoResponse to;
  to.set_version(from.version);
  to.set_listen_address(from.listen_address);
  to.set_metrics_address(from.metrics_address);
  to.set_state_dir(from.state_dir);
  to.set_started_unix_ms(absl::ToUnixMillis(from.started));
  for (const StageState& stage : from.stages) {
    v1::StageState* message = to.add_stages();
    message->set_pair(stage.pair);
    message->set_rank(stage.rank);
    message->set_host(stage.host);
    message->set_pid(stage.pid);
    message->set_device(stage.device);
    message->set_device_name(stage.device_name);
    message->set_gpu_uuid(stage.gpu_uuid);
    message->set_device_total_bytes(stage.device_total_bytes);
    message->set_device_bytes_in_use(stage.device_bytes_in_use);
    message->set_version(stage.version);
    message->set_activity(stage.activity);
    message->set_silent_seconds(absl::ToDoubleSeconds(stage.silent));
  }
  return to;
}

ServerInfo FromProto(const v1::GetServerInfoResponse& from) {
  ServerInfo to;
  to.version = from.version();
  to.listen_address = from.listen_address();
  to.metrics_address = from.metrics_address();
  to.state_dir = from.state_dir();
  to.started = absl::FromUnixMillis(from.started_unix_ms());
  for (const v1::StageState& message : from.stages()) {
    StageState stage;
    stage.pair = message.pair();
    stage.rank = message.rank();
    stage.host = message.host();
    stage.pid = message.pid();
    stage.device = message.device();
    stage.device_name = message.device_name();
    stage.gpu_uuid = message.gpu_uuid();
    stage.device_total_bytes = message.device_total_bytes();
    stage.device_bytes_in_use = message.device_bytes_in_use();
    stage.version = message.version();
    stage.activity = message.activity();
    stage.silent = absl::Seconds(message.silent_seconds());
    to.stages.push_back(std::move(stage));
  }
  return to;
}

}  // namespace halfpipe
