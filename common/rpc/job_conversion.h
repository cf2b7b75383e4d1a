// Between common/jobs/job_types.h and the messages of
// proto/halfpipe/v1/jobs.proto. FromProto returns InvalidArgument for an enum
// value or a oneof that this version does not know.
#ifndef HP_COMMON_RPC_JOB_CONVERSION_H_
#define HP_COMMON_RPC_JOB_CONVERSION_H_

#include "absl/status/statusor.h"
#include "common/jobs/job_types.h"
#include "halfpipe/v1/jobs.pb.h"

namespace halfpipe {

[[nodiscard]] v1::Job ToProto(const Job& from);
[[nodiscard]] absl::StatusOr<Job> FromProto(const v1::Job& from);

[[nodiscard]] v1::JobEvent ToProto(const JobEvent& from);
[[nodiscard]] absl::StatusOr<JobEvent> FromProto(const v1::JobEvent& from);

[[nodiscard]] v1::CreateJobRequest ToProto(const JobSpec& from);
[[nodiscard]] absl::StatusOr<JobSpec> FromProto(
    const v1::CreateJobRequest& from);

[[nodiscard]] v1::ListJobsRequest ToProto(const JobQuery& from);
[[nodiscard]] absl::StatusOr<JobQuery> FromProto(
    const v1::ListJobsRequest& from);

[[nodiscard]] v1::ListJobsResponse ToProto(const JobPage& from);
[[nodiscard]] absl::StatusOr<JobPage> FromProto(
    const v1::ListJobsResponse& from);

[[nodiscard]] v1::GetServerInfoResponse ToProto(const ServerInfo& from);
[[nodiscard]] ServerInfo FromProto(const v1::GetServerInfoResponse& from);

[[nodiscard]] v1::StepTrace ToProto(const StepTrace& from);
// Actions that are not known here, of a newer service, are left out.
[[nodiscard]] StepTrace FromProto(const v1::StepTrace& from);

void Copy(const DeviceMemoryUse& from, v1::DeviceMemoryUse& to);
void Copy(const v1::DeviceMemoryUse& from, DeviceMemoryUse& to);

// States and kinds as numbers; InvalidArgument for one that is not known. No
// kind is kTrain.
[[nodiscard]] absl::StatusOr<JobState> JobStateFromNumber(int number);
[[nodiscard]] absl::StatusOr<JobKind> JobKindFromNumber(int number);

}  // namespace halfpipe

#endif  // HP_COMMON_RPC_JOB_CONVERSION_H_
