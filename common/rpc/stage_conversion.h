// Between the plain values of common/jobs/stage_protocol.h and the messages
// of proto/halfpipe/v1/stages.proto. FromProto returns InvalidArgument for a
// message that no ToProto makes (a body that is missing, an action that does
// not parse); it checks form, not meaning.
#ifndef HP_COMMON_RPC_STAGE_CONVERSION_H_
#define HP_COMMON_RPC_STAGE_CONVERSION_H_

#include "absl/status/statusor.h"
#include "common/jobs/stage_protocol.h"
#include "halfpipe/v1/stages.pb.h"

namespace halfpipe {

// Which process run speaks: its place in a pair and its random number.
struct StageIdentity {
  std::string pair;
  Rank rank;
  uint64_t incarnation = 0;
};

void ToProto(const StageIdentity& from, v1::StageIdentity* to);
[[nodiscard]] StageIdentity FromProto(const v1::StageIdentity& from);

[[nodiscard]] v1::RegisterRequest ToProto(const StageInfo& from);
[[nodiscard]] StageInfo FromProto(const v1::RegisterRequest& from);

[[nodiscard]] v1::StageCommand ToProto(const StageCommand& from);
[[nodiscard]] absl::StatusOr<StageCommand> FromProto(
    const v1::StageCommand& from);

// The identity of these two is the caller's to set and to read.
[[nodiscard]] v1::ReportRequest ToProto(const CommandResult& from);
[[nodiscard]] absl::StatusOr<CommandResult> FromProto(
    const v1::ReportRequest& from);
[[nodiscard]] v1::HeartbeatRequest ToProto(const StageHeartbeat& from);
[[nodiscard]] StageHeartbeat FromProto(const v1::HeartbeatRequest& from);

[[nodiscard]] v1::HeartbeatResponse ToProto(const HeartbeatReply& from);
[[nodiscard]] HeartbeatReply FromProto(const v1::HeartbeatResponse& from);

void Copy(const SampleRef& from, v1::SampleRef& to);
void Copy(const v1::SampleRef& from, SampleRef& to);

}  // namespace halfpipe

#endif  // HP_COMMON_RPC_STAGE_CONVERSION_H_
