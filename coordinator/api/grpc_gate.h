// The way to the gRPC server over TCP.
#ifndef HP_COORDINATOR_API_GRPC_GATE_H_
#define HP_COORDINATOR_API_GRPC_GATE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/config/service_config.h"
#include "common/net/connection_gate.h"
#include "grpcpp/server_builder.h"
#include "grpcpp/support/server_interceptor.h"

namespace halfpipe {

// gRPC 1.51 takes whoever connects, until descriptors run out. So a
// ConnectionGate accepts in its place and hands the connections on. One is
// proven by its first call that gets past the guard (CallGuard). Thread-safe.
class GrpcGate {
 public:
  // Listens on "host:port", for `limits.connections` at once. Codes:
  // ConnectionGate::Open's.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<GrpcGate>> Open(
      const std::string& address, const ServiceLimits& limits);

  // Before BuildAndStart: the server will take connections from here, with
  // `credentials` (its own ports' have no part in these), and calls prove them.
  void AddTo(const std::shared_ptr<grpc::ServerCredentials>& credentials,
             grpc::ServerBuilder* builder);
  // For ServerBuilder's interceptors: their calls prove connections. The gate
  // outlives the server.
  [[nodiscard]] std::unique_ptr<
      grpc::experimental::ServerInterceptorFactoryInterface>
  Prover();

  // Once the server runs.
  void Start();

  // Before the server ends: nobody comes any more.
  void Stop() { gate_->Stop(); }

  // "host:port" with the real port.
  [[nodiscard]] const std::string& address() const { return gate_->address(); }

 private:
  explicit GrpcGate(std::unique_ptr<ConnectionGate> gate)
      : gate_(std::move(gate)) {}

  const std::unique_ptr<ConnectionGate> gate_;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor_;
};

// PeerAddress::text of ServerContext::peer(): "ipv6:%5B::1%5D:4711" is
// "[::1]:4711". Empty for what is no TCP connection.
[[nodiscard]] std::string PeerTextOf(absl::string_view grpc_peer);

}  // namespace halfpipe

#endif  // HP_COORDINATOR_API_GRPC_GATE_H_
