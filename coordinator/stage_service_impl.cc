#include "coordinator/stage_service_impl.h"

#include <algorithm>

#include "absl/time/clock.h"
#include "common/base/status.h"
#include "common/rpc/stage_conversion.h"
#include "common/rpc/status_conversion.h"

namespace halfpipe {
namespace {

// Of one long poll; shorter than what middle boxes let a quiet call live.
constexpr absl::Duration kMaxWait = absl::Seconds(60);

StagePlace PlaceOf(const StageIdentity& identity) {
  return {identity.pair, identity.rank};
}

}  // namespace

grpc::Status StageServiceImpl::Register(grpc::ServerContext*,
                                        const v1::RegisterRequest* request,
                                        v1::RegisterResponse*) {
  return ToGrpcStatus(coordinator_->Register(FromProto(*request)));
}

grpc::Status StageServiceImpl::NextCommand(
    grpc::ServerContext* context, const v1::NextCommandRequest* request,
    v1::NextCommandResponse* response) {
  const StageIdentity identity = FromProto(request->identity());
  const absl::Duration wait = std::clamp(absl::Seconds(request->wait_seconds()),
                                         absl::ZeroDuration(), kMaxWait);
  auto command = coordinator_->WaitForCommand(
      PlaceOf(identity), identity.incarnation, request->last_sequence(),
      absl::Now() + wait, [context] { return context->IsCancelled(); });
  if (!command.ok()) return ToGrpcStatus(command.status());
  if (command->has_value()) *response->mutable_command() = ToProto(**command);
  return grpc::Status::OK;
}

grpc::Status StageServiceImpl::Report(grpc::ServerContext*,
                                      const v1::ReportRequest* request,
                                      v1::ReportResponse*) {
  const StageIdentity identity = FromProto(request->identity());
  absl::StatusOr<CommandResult> result = FromProto(*request);
  if (!result.ok()) return ToGrpcStatus(result.status());
  return ToGrpcStatus(
      coordinator_->Report(PlaceOf(identity), identity.incarnation, *result));
}

grpc::Status StageServiceImpl::Heartbeat(grpc::ServerContext*,
                                         const v1::HeartbeatRequest* request,
                                         v1::HeartbeatResponse* response) {
  const StageIdentity identity = FromProto(request->identity());
  absl::StatusOr<HeartbeatReply> reply = coordinator_->Heartbeat(
      PlaceOf(identity), identity.incarnation, FromProto(*request));
  if (!reply.ok()) return ToGrpcStatus(reply.status());
  *response = ToProto(*reply);
  return grpc::Status::OK;
}

}  // namespace halfpipe
