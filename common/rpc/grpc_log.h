// What gRPC and protobuf themselves report: above all failed handshakes, with
// TLS's reason, which gRPC tells no caller.
#ifndef HP_COMMON_RPC_GRPC_LOG_H_
#define HP_COMMON_RPC_GRPC_LOG_H_

#include <string>

namespace halfpipe {

// From now on what they report is a line of our log, a warning. For daemons.
// Call it, or the next one, before gRPC is used.
void RouteGrpcLog();

// From now on nothing is written, and the last error is kept. For a command
// line, whose one message is its own.
void KeepGrpcLog();

// The last error since KeepGrpcLog; empty: there was none. Thread-safe.
[[nodiscard]] std::string LastGrpcError();

}  // namespace halfpipe

#endif  // HP_COMMON_RPC_GRPC_LOG_H_
