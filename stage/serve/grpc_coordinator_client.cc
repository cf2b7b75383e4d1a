#include "stage/serve/grpc_coordinator_client.h"

#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/base/status.h"
#include "common/rpc/grpc_channel.h"
#include "common/rpc/message_text.h"
#include "common/rpc/stage_conversion.h"
#include "common/rpc/status_conversion.h"
#include "halfpipe/v1/stages.grpc.pb.h"

namespace halfpipe {
namespace {

class GrpcCoordinatorClient : public CoordinatorClient {
 public:
  explicit GrpcCoordinatorClient(CoordinatorClientOptions options)
      : options_(std::move(options)),
        stub_(v1::StageService::NewStub(
            NewChannel(options_.address, options_.security))),
        heartbeat_stub_(v1::StageService::NewStub(
            NewChannel(options_.address, options_.security,
                       /*own_connection=*/true))) {}

  absl::Status Register(const StageInfo& info) override {
    grpc::ClientContext context;
    PrepareCall(options_.call_timeout, /*wait=*/true, &context);
    v1::RegisterRequest request = ToProto(info);
    HP_RETURN_IF_ERROR(MakeTextValid(&request));
    v1::RegisterResponse response;
    HP_RETURN_IF_ERROR(
        Explain("Register", stub_->Register(&context, request, &response)));
    absl::MutexLock lock(&mutex_);
    identity_ = {info.pair, info.rank, info.incarnation};
    return absl::OkStatus();
  }

  absl::StatusOr<StageCommand> NextCommand(int64_t last_sequence,
                                           absl::Duration wait) override {
    // The coordinator answers after `wait`; past the margin it is away.
    constexpr absl::Duration kMargin = absl::Seconds(10);
    v1::NextCommandRequest request;
    HP_RETURN_IF_ERROR(SetIdentity(request.mutable_identity()));
    request.set_last_sequence(last_sequence);
    request.set_wait_seconds(absl::ToDoubleSeconds(wait));
    grpc::ClientContext context;
    PrepareCall(wait + kMargin, /*wait=*/false, &context);
    v1::NextCommandResponse response;
    HP_RETURN_IF_ERROR(Explain(
        "NextCommand", stub_->NextCommand(&context, request, &response)));
    if (!response.has_command()) {
      return absl::DeadlineExceededError("there is no command yet");
    }
    return FromProto(response.command());
  }

  absl::Status Report(const CommandResult& result) override {
    v1::ReportRequest request = ToProto(result);
    const absl::Status status = Send(&request);
    if (!absl::IsResourceExhausted(status)) return status;
    constexpr size_t kSmallBytes = size_t{1} << 20;
    if (request.ByteSizeLong() < kSmallBytes) {
      // The coordinator is short of memory, not this message too long.
      return absl::UnavailableError(status.message());
    }
    // A result that is too large (of a scan, say) will never arrive, and the
    // job would wait for it for ever. That it is too large does arrive.
    CommandResult too_large;
    too_large.sequence = result.sequence;
    too_large.epoch = result.epoch;
    too_large.status = Annotate(status, "what the stage found");
    request = ToProto(too_large);
    return Send(&request);
  }

  absl::StatusOr<HeartbeatReply> Heartbeat(
      const StageHeartbeat& heartbeat) override {
    v1::HeartbeatRequest request = ToProto(heartbeat);
    HP_RETURN_IF_ERROR(SetIdentity(request.mutable_identity()));
    HP_RETURN_IF_ERROR(MakeTextValid(&request));
    grpc::ClientContext context;
    PrepareCall(options_.call_timeout, /*wait=*/false, &context);
    v1::HeartbeatResponse response;
    HP_RETURN_IF_ERROR(Explain(
        "Heartbeat", heartbeat_stub_->Heartbeat(&context, request, &response)));
    return FromProto(response);
  }

 private:
  absl::Status Send(v1::ReportRequest* request) {
    HP_RETURN_IF_ERROR(SetIdentity(request->mutable_identity()));
    HP_RETURN_IF_ERROR(MakeTextValid(request));
    grpc::ClientContext context;
    PrepareCall(options_.call_timeout, /*wait=*/true, &context);
    v1::ReportResponse response;
    return Explain("Report", stub_->Report(&context, *request, &response));
  }

  // To the caller a coordinator that does not answer in time is away.
  absl::Status Explain(absl::string_view method,
                       const grpc::Status& status) const {
    if (status.error_code() == grpc::StatusCode::UNAVAILABLE ||
        status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
      return absl::UnavailableError(absl::StrCat(
          "coordinator at ", options_.address, ": ", status.error_message()));
    }
    return ExplainRefusal(method,
                          absl::StrCat("coordinator at ", options_.address),
                          ExplainSizeLimit(FromGrpcStatus(status)));
  }

  absl::Status SetIdentity(v1::StageIdentity* identity) const {
    absl::MutexLock lock(&mutex_);
    if (identity_.incarnation == 0) {
      return absl::FailedPreconditionError("not registered");
    }
    ToProto(identity_, identity);
    return absl::OkStatus();
  }

  const CoordinatorClientOptions options_;
  const std::unique_ptr<v1::StageService::Stub> stub_;
  const std::unique_ptr<v1::StageService::Stub> heartbeat_stub_;
  mutable absl::Mutex mutex_;
  StageIdentity identity_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<CoordinatorClient> NewGrpcCoordinatorClient(
    const CoordinatorClientOptions& options) {
  return std::make_unique<GrpcCoordinatorClient>(options);
}

}  // namespace halfpipe
