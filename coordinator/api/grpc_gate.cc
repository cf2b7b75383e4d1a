#include "coordinator/api/grpc_gate.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

using grpc::experimental::InterceptionHookPoints;
using Acceptor = grpc::experimental::ExternalConnectionAcceptor;

// Of all places, those for who has not proven anything: this part.
constexpr int64_t kUnprovenPart = 4;

ConnectionLimits LimitsOf(const ServiceLimits& limits) {
  const auto part = [](int64_t places) {
    return std::max<int64_t>(1, places / kUnprovenPart);
  };
  return {.in_all = limits.connections,
          .per_machine = limits.machine_connections,
          .unproven_in_all = part(limits.connections),
          .unproven_per_machine = part(limits.machine_connections),
          .time_to_prove = std::chrono::seconds(20)};
}

// Lives as long as its call.
class ProvingCall final : public grpc::experimental::Interceptor {
 public:
  ProvingCall(ConnectionGate* gate, grpc::experimental::ServerRpcInfo* info)
      : gate_(gate), info_(info) {}

  void Intercept(grpc::experimental::InterceptorBatchMethods* batch) override {
    if (batch->QueryInterceptionHookPoint(
            InterceptionHookPoints::POST_RECV_INITIAL_METADATA)) {
      gate_->Prove(PeerTextOf(info_->server_context()->peer()));
    }
    batch->Proceed();
  }

 private:
  ConnectionGate* const gate_;
  grpc::experimental::ServerRpcInfo* const info_;
};

class ProvingCallFactory final
    : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  explicit ProvingCallFactory(ConnectionGate* gate) : gate_(gate) {}

  // gRPC's interface: it owns what it gets.
  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* info) override {
    return new ProvingCall(gate_, info);
  }

 private:
  ConnectionGate* const gate_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcGate>> GrpcGate::Open(
    const std::string& address, const ServiceLimits& limits) {
  HP_ASSIGN_OR_RETURN(
      std::unique_ptr<ConnectionGate> gate,
      ConnectionGate::Open(address, {.name = "grpc",
                                     .limits = LimitsOf(limits),
                                     .descriptors = GetDescriptorBudget()}));
  return std::unique_ptr<GrpcGate>(new GrpcGate(std::move(gate)));
}

void GrpcGate::AddTo(
    const std::shared_ptr<grpc::ServerCredentials>& credentials,
    grpc::ServerBuilder* builder) {
  acceptor_ = builder->experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
      credentials);
}

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>
GrpcGate::Prover() {
  return std::make_unique<ProvingCallFactory>(gate_.get());
}

void GrpcGate::Start() {
  gate_->Start([acceptor = acceptor_.get()](int fd, const sockaddr* /*from*/,
                                            uint32_t /*size*/) {
    Acceptor::NewConnectionParameters parameters;
    parameters.listener_fd = -1;
    parameters.fd = fd;
    acceptor->HandleNewConnection(&parameters);
  });
}

std::string PeerTextOf(absl::string_view grpc_peer) {
  if (absl::ConsumePrefix(&grpc_peer, "ipv4:")) {
    return std::string(grpc_peer.data(), grpc_peer.size());
  }
  if (!absl::ConsumePrefix(&grpc_peer, "ipv6:%5B")) return "";
  const size_t end = grpc_peer.rfind("%5D");
  if (end == absl::string_view::npos) return "";
  // "fe80::1%252": the interface is no part of PeerAddress::text.
  const absl::string_view host = grpc_peer.substr(0, end);
  return absl::StrCat("[", host.substr(0, host.find('%')), "]",
                      grpc_peer.substr(end + 3));
}

}  // namespace halfpipe
