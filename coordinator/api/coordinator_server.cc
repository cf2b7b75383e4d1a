#include "coordinator/api/coordinator_server.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/address.h"
#include "common/base/status.h"
#include "common/rpc/grpc_channel.h"
#include "coordinator/api/grpc_gate.h"
#include "coordinator/api/open_calls.h"
#include "coordinator/api/stage_service_impl.h"
#include "coordinator/api/training_service_impl.h"
#include "coordinator/api/unread_calls.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/resource_quota.h"
#include "grpcpp/server_builder.h"

namespace halfpipe {
namespace {

// Watches hold a thread each, and so do long polls and calls that wait for the
// disk; one that sleeps costs some tens of KiB.
constexpr int kThreadsBesideWatches = 512;
// Threads that stay for the next calls. With gRPC's two, nearly every call
// under load starts one and allocates from a cold arena: a quarter of its time.
constexpr int kIdleThreads = 32;
// What all messages on their way in may hold together. gRPC gathers a message
// before it looks at its size; without this, one of a GiB would be a GiB here.
constexpr int64_t kMessageMemoryBytes = int64_t{256} << 20;

// Calls at once on one connection; a client's further ones wait there.
constexpr int kMaxStreams = 1024;
// Whoever connects and does not shake hands is let go.
constexpr int kHandshakeTimeoutMs = 10'000;
// Whoever has no call for so long is told to connect again for the next.
constexpr int kIdleMs = 600'000;

absl::Status CannotListen(const std::string& address, absl::string_view why) {
  return absl::AlreadyExistsError(absl::StrCat(
      "cannot listen on ", address, ": ", why,
      "; choose another with --listen-address, or port 0 for a free one"));
}

void SetArguments(const ServiceLimits& limits, grpc::ServerBuilder* builder) {
  // Two servers that share a port would each get half of the calls.
  builder->AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  // Clients ping while a long poll waits, which is not misbehaviour.
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder->AddChannelArgument(
      GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5'000);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreams);
  builder->AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS,
                              kHandshakeTimeoutMs);
  builder->AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, kIdleMs);
  // Its windows grow to megabytes for each connection that only sends; here
  // messages are small and latency is a local network's.
  builder->AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  builder->SetMaxReceiveMessageSize(static_cast<int>(std::min<int64_t>(
      limits.message_bytes, std::numeric_limits<int>::max())));
  builder->SetMaxSendMessageSize(kMaxMessageBytes);
  grpc::ResourceQuota quota("halfpipe-coordinator");
  quota.SetMaxThreads(kThreadsBesideWatches + static_cast<int>(limits.watches));
  quota.Resize(static_cast<size_t>(
      std::max(kMessageMemoryBytes, 4 * limits.message_bytes)));
  builder->SetResourceQuota(quota);
  builder->SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, kIdleThreads);
}

}  // namespace

struct CoordinatorServer::Parts {
  Parts(Coordinator* the_coordinator, const ServerOptions& options)
      : coordinator(the_coordinator),
        calls(options.security.tokens),
        training(the_coordinator, &calls,
                 {options.limits, options.page, options.security.tokens}),
        stages(the_coordinator, &calls, options.security.tokens),
        unread(options.limits.message_bytes) {}

  // Over TCP by a gate, over a Unix socket by gRPC itself: that is for those
  // who may open it.
  absl::Status ListenOn(const std::string& address,
                        const ServerOptions& options,
                        grpc::ServerBuilder* builder) {
    const auto credentials = MakeServerCredentials(address, options.security);
    if (IsUnixAddress(address)) {
      builder->AddListeningPort(address, credentials);
      return absl::OkStatus();
    }
    absl::StatusOr<std::unique_ptr<GrpcGate>> opened =
        GrpcGate::Open(address, options.limits);
    if (!opened.ok()) return CannotListen(address, opened.status().message());
    gate = *std::move(opened);
    gate->AddTo(credentials, builder);
    return absl::OkStatus();
  }

  Coordinator* coordinator;
  OpenCalls calls;
  std::unique_ptr<GrpcGate> gate;  // null: a Unix socket
  TrainingServiceImpl training;
  StageServiceImpl stages;
  UnreadCalls unread;
  std::unique_ptr<grpc::Server> server;
};

absl::StatusOr<std::unique_ptr<CoordinatorServer>> CoordinatorServer::Start(
    const std::string& address, Coordinator* coordinator,
    const ServerOptions& options) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  auto parts = std::make_unique<Parts>(coordinator, options);
  grpc::ServerBuilder builder;
  SetArguments(options.limits, &builder);
  HP_RETURN_IF_ERROR(parts->ListenOn(address, options, &builder));
  builder.RegisterService(&parts->training);
  builder.RegisterService(&parts->stages);
  std::vector<
      std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>>
      interceptors;
  interceptors.push_back(parts->unread.Counter());
  if (parts->gate != nullptr) interceptors.push_back(parts->gate->Prover());
  builder.experimental().SetInterceptorCreators(std::move(interceptors));
  parts->server = builder.BuildAndStart();
  if (parts->server == nullptr) {
    return CannotListen(address, "the server does not start there");
  }
  std::string real = address;
  if (parts->gate != nullptr) {
    parts->gate->Start();
    real = parts->gate->address();
  }
  return std::unique_ptr<CoordinatorServer>(
      new CoordinatorServer(std::move(parts), std::move(real)));
}

CoordinatorServer::CoordinatorServer(std::unique_ptr<Parts> parts,
                                     std::string address)
    : parts_(std::move(parts)), address_(std::move(address)) {}

CoordinatorServer::~CoordinatorServer() {
  if (parts_->server != nullptr) Shutdown(absl::ZeroDuration());
}

void CoordinatorServer::Tick(absl::Time now) {
  parts_->unread.Look(now);
  parts_->calls.Look();
}

void CoordinatorServer::Shutdown(absl::Duration grace) {
  if (auto* health = parts_->server->GetHealthCheckService();
      health != nullptr) {
    health->SetServingStatus(false);
  }
  if (parts_->gate != nullptr) parts_->gate->Stop();
  parts_->coordinator->Close();
  parts_->server->Shutdown(DeadlineIn(grace));
  parts_->server->Wait();
  parts_->server.reset();
}

}  // namespace halfpipe
