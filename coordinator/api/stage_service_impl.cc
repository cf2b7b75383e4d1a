#include "coordinator/api/stage_service_impl.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "common/base/log.h"
#include "common/base/printable_text.h"
#include "common/base/status.h"
#include "common/base/steady_clock.h"
#include "common/jobs/recent_lines.h"
#include "common/rpc/grpc_channel.h"
#include "common/rpc/message_text.h"
#include "common/rpc/stage_conversion.h"
#include "common/rpc/status_conversion.h"
#include "coordinator/api/call_guard.h"

namespace halfpipe {
namespace {

// Of one long poll; shorter than what middle boxes let a quiet call live.
constexpr absl::Duration kMaxWait = absl::Seconds(60);

StagePlace PlaceOf(const StageIdentity& identity) {
  return {identity.pair, identity.rank};
}

// What becomes events of a job: the levels are those of StageLine.
absl::Status CheckLines(const v1::HeartbeatRequest& request) {
  for (const v1::StageLine& line : request.lines()) {
    if (line.level() < static_cast<int>(LogLevel::kInfo) ||
        line.level() > static_cast<int>(LogLevel::kError)) {
      return absl::InvalidArgumentError(
          absl::StrCat("the level of a line is 1 to 3, found ", line.level()));
    }
    if (line.text().size() > RecentLines::kMostBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat("a line has at most ", RecentLines::kMostBytes,
                       " bytes, found ", line.text().size()));
    }
  }
  return absl::OkStatus();
}

// Whether the stage will be able to read it. Makes text for people readable.
absl::Status CheckDeliverable(v1::NextCommandResponse* response) {
  HP_RETURN_IF_ERROR(MakeTextValid(response));
  const size_t bytes = response->ByteSizeLong();
  if (bytes <= static_cast<size_t>(kMaxMessageBytes)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "it has ", bytes, " bytes, and messages have ", kMaxMessageBytes,
      " at most: train on fewer samples, or with shorter captions"));
}

}  // namespace

absl::Status StageServiceImpl::CheckPair(const grpc::ServerContext& context,
                                         const std::string& pair) const {
  if (tokens_ == nullptr) return absl::OkStatus();
  const std::optional<Identity> caller = tokens_->Find(TokenOf(context));
  if (!caller.has_value()) return OpenCalls::Call::Revoked();
  if (caller->pair.empty() || caller->pair == pair) return absl::OkStatus();
  return absl::PermissionDeniedError(absl::StrCat(
      "the token ", caller->name, " is for stages of the pair \"",
      PrintableText(caller->pair), "\", not \"", PrintableText(pair), "\""));
}

grpc::Status StageServiceImpl::Register(grpc::ServerContext* context,
                                        const v1::RegisterRequest* request,
                                        v1::RegisterResponse*) {
  absl::Status status = CheckPair(*context, request->identity().pair());
  if (status.ok()) status = coordinator_->Register(FromProto(*request));
  if (!status.ok()) {
    if (const std::optional<int64_t> left_out = lines_.Take(SteadyNow());
        left_out.has_value()) {
      LogWarning("stage refused", {{"pair", request->identity().pair()},
                                   {"rank", request->identity().rank()},
                                   {"host", request->host()},
                                   {"reason", status.message()},
                                   {"lines_left_out", *left_out}});
    }
  }
  return ToGrpcStatus(status);
}

grpc::Status StageServiceImpl::NextCommand(
    grpc::ServerContext* context, const v1::NextCommandRequest* request,
    v1::NextCommandResponse* response) {
  const StageIdentity identity = FromProto(request->identity());
  if (const absl::Status pair = CheckPair(*context, identity.pair);
      !pair.ok()) {
    return ToGrpcStatus(pair);
  }
  const absl::Duration wait = std::clamp(absl::Seconds(request->wait_seconds()),
                                         absl::ZeroDuration(), kMaxWait);
  const absl::Time deadline = SteadyNow() + wait;
  int64_t last_sequence = request->last_sequence();
  const std::unique_ptr<OpenCalls::Call> call =
      calls_->Enter(context, "/halfpipe.v1.StageService/NextCommand");
  while (true) {
    auto command = coordinator_->WaitForCommand(
        PlaceOf(identity), identity.incarnation, last_sequence, deadline,
        [&] { return context->IsCancelled() || call->revoked(); });
    if (call->revoked()) return ToGrpcStatus(OpenCalls::Call::Revoked());
    if (!command.ok()) return ToGrpcStatus(command.status());
    if (!command->has_value()) return grpc::Status::OK;
    *response->mutable_command() = ToProto(**command);
    const absl::Status deliverable = CheckDeliverable(response);
    if (deliverable.ok()) return grpc::Status::OK;
    // The job hears it in the stage's place, and does not wait for an answer;
    // the stage gets what comes after.
    response->clear_command();
    CommandResult failure;
    failure.sequence = (*command)->sequence;
    failure.epoch = (*command)->epoch;
    failure.status = Annotate(deliverable, "a command for the stage");
    const absl::Status reported =
        coordinator_->Report(PlaceOf(identity), identity.incarnation, failure);
    if (!reported.ok()) return ToGrpcStatus(reported);
    last_sequence = (*command)->sequence;
  }
}

grpc::Status StageServiceImpl::Report(grpc::ServerContext* context,
                                      const v1::ReportRequest* request,
                                      v1::ReportResponse*) {
  const StageIdentity identity = FromProto(request->identity());
  if (const absl::Status pair = CheckPair(*context, identity.pair);
      !pair.ok()) {
    return ToGrpcStatus(pair);
  }
  absl::StatusOr<CommandResult> result = FromProto(*request);
  if (!result.ok()) return ToGrpcStatus(result.status());
  return ToGrpcStatus(
      coordinator_->Report(PlaceOf(identity), identity.incarnation, *result));
}

grpc::Status StageServiceImpl::Heartbeat(grpc::ServerContext* context,
                                         const v1::HeartbeatRequest* request,
                                         v1::HeartbeatResponse* response) {
  const StageIdentity identity = FromProto(request->identity());
  absl::Status valid = CheckPair(*context, identity.pair);
  if (valid.ok()) valid = CheckLines(*request);
  if (!valid.ok()) return ToGrpcStatus(valid);
  absl::StatusOr<HeartbeatReply> reply = coordinator_->Heartbeat(
      PlaceOf(identity), identity.incarnation, FromProto(*request));
  if (!reply.ok()) return ToGrpcStatus(reply.status());
  *response = ToProto(*reply);
  return grpc::Status::OK;
}

}  // namespace halfpipe
