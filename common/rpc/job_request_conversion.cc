// The half of job_conversion.h that deals with requests, lists and the server
// itself.
#include "common/base/status.h"
#include "common/rpc/fields.h"
#include "common/rpc/job_conversion.h"

namespace halfpipe {

#define HP_JOB_SPEC_FIELDS                                                   \
  id, config_yaml, file_name, base_dir, validate_only, record_dir, priority, \
      retry_limit, pair, replace, accept_data, quick

#define HP_JOB_QUERY_FIELDS page_size, page_token

#define HP_STAGE_STATE_FIELDS                                               \
  pair, rank, host, pid, device, device_name, gpu_uuid, device_total_bytes, \
      device_bytes_in_use, version, activity

void Copy(const StageState& from, v1::StageState& to) {
  HP_SET(HP_STAGE_STATE_FIELDS);
  to.set_silent_seconds(absl::ToDoubleSeconds(from.silent));
}

void Copy(const v1::StageState& from, StageState& to) {
  HP_GET(HP_STAGE_STATE_FIELDS);
  to.silent = absl::Seconds(from.silent_seconds());
}

#define HP_SERVER_INFO_FIELDS \
  version, listen_address, metrics_address, state_dir

v1::CreateJobRequest ToProto(const JobSpec& from) {
  v1::CreateJobRequest to;
  HP_SET(HP_JOB_SPEC_FIELDS);
  HP_SET_ALL(labels);
  to.set_kind(static_cast<v1::JobKind>(from.kind));
  if (from.join_timeout != absl::InfiniteDuration()) {
    to.set_join_timeout_seconds(absl::ToDoubleSeconds(from.join_timeout));
  }
  // The default is not written: what an older version stored of the same
  // request must stay equal to it.
  if (from.retry_backoff != kDefaultRetryBackoff) {
    to.set_retry_backoff_seconds(absl::ToDoubleSeconds(from.retry_backoff));
  }
  return to;
}

absl::StatusOr<JobSpec> FromProto(const v1::CreateJobRequest& from) {
  JobSpec to;
  HP_GET(HP_JOB_SPEC_FIELDS);
  HP_GET_ALL(labels);
  HP_ASSIGN_OR_RETURN(to.kind, JobKindFromNumber(from.kind()));
  if (from.join_timeout_seconds() > 0) {
    to.join_timeout = absl::Seconds(from.join_timeout_seconds());
  }
  if (from.retry_backoff_seconds() != 0) {
    to.retry_backoff = absl::Seconds(from.retry_backoff_seconds());
  }
  return to;
}

v1::ListJobsRequest ToProto(const JobQuery& from) {
  v1::ListJobsRequest to;
  HP_SET(HP_JOB_QUERY_FIELDS);
  HP_SET_ALL(labels);
  for (JobState state : from.states) {
    to.add_states(static_cast<v1::JobState>(state));
  }
  return to;
}

absl::StatusOr<JobQuery> FromProto(const v1::ListJobsRequest& from) {
  JobQuery to;
  HP_GET(HP_JOB_QUERY_FIELDS);
  HP_GET_ALL(labels);
  for (int number : from.states()) {
    HP_ASSIGN_OR_RETURN(JobState state, JobStateFromNumber(number));
    to.states.push_back(state);
  }
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
  HP_SET(HP_SERVER_INFO_FIELDS);
  HP_SET_ALL(stages);
  to.set_started_unix_ms(absl::ToUnixMillis(from.started));
  return to;
}

ServerInfo FromProto(const v1::GetServerInfoResponse& from) {
  ServerInfo to;
  HP_GET(HP_SERVER_INFO_FIELDS);
  HP_GET_ALL(stages);
  to.started = absl::FromUnixMillis(from.started_unix_ms());
  return to;
}

}  // namespace halfpipe
