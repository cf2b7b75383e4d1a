#include "coordinator/coordinator_server.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/time/clock.h"
#include "common/base/status.h"
#include "common/rpc/grpc_channel.h"
#include "coordinator/stage_service_impl.h"
#include "coordinator/training_service_impl.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/resource_quota.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server_builder.h"

namespace halfpipe {
namespace {

// Watches, long polls and calls that wait for the disk hold one each; one that
// sleeps costs some tens of KiB.
constexpr int kMaxThreads = 1024;

void SetArguments(grpc::ServerBuilder* builder) {
  // Two servers that share a port would each get half of the calls.
  builder->AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  // Clients ping while a long poll waits, which is not misbehaviour.
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder->AddChannelArgument(
      GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5'000);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder->SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder->SetMaxSendMessageSize(kMaxMessageBytes);
  grpc::ResourceQuota quota("halfpipe-coordinator");
  quota.SetMaxThreads(kMaxThreads);
  builder->SetResourceQuota(quota);
}

}  // namespace

struct CoordinatorServer::Parts {
  explicit Parts(Coordinator* the_coordinator)
      : coordinator(the_coordinator),
        training(the_coordinator),
        stages(the_coordinator) {}

  Coordinator* coordinator;
  TrainingServiceImpl training;
  StageServiceImpl stages;
  std::unique_ptr<grpc::Server> server;
};

absl::StatusOr<std::unique_ptr<CoordinatorServer>> CoordinatorServer::Start(
    const std::string& address, Coordinator* coordinator) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  auto parts = std::make_unique<Parts>(coordinator);
  grpc::ServerBuilder builder;
  SetArguments(&builder);
  int port = 0;
  builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&parts->training);
  builder.RegisterService(&parts->stages);
  parts->server = builder.BuildAndStart();
  if (parts->server == nullptr) {
    return absl::AlreadyExistsError(absl::StrCat(
        "cannot listen on ", address,
        ": the port is in use, or the address is not one of this machine; "
        "choose another with --listen-address, or port 0 for a free one"));
  }
  std::string real = address;
  if (!absl::StartsWith(address, "unix:")) {
    real = absl::StrCat(address.substr(0, address.rfind(':')), ":", port);
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

void CoordinatorServer::Shutdown(absl::Duration grace) {
  if (auto* health = parts_->server->GetHealthCheckService();
      health != nullptr) {
    health->SetServingStatus(false);
  }
  parts_->coordinator->Close();
  parts_->server->Shutdown(absl::ToChronoTime(absl::Now() + grace));
  parts_->server->Wait();
  parts_->server.reset();
}

}  // namespace halfpipe
