// What a server of ours asks of whoever connects.
#ifndef HP_COORDINATOR_API_SERVER_CREDENTIALS_H_
#define HP_COORDINATOR_API_SERVER_CREDENTIALS_H_

#include <memory>
#include <string>

#include "common/auth/tls_files.h"
#include "common/auth/token_book.h"
#include "grpcpp/security/server_credentials.h"

namespace halfpipe {

struct ServerSecurity {
  // TLS if there is a certificate; with a `ca`, clients must show one that is
  // signed by it. CheckTlsFiles has seen them.
  TlsFiles tls = {};
  TokenBook* tokens = nullptr;  // null: nobody is asked for a token
};

// For one address: TLS on "host:port", none on a Unix socket; CallGuard where
// there are tokens. The files are read again when they change. What the book
// points to outlives the server.
[[nodiscard]] std::shared_ptr<grpc::ServerCredentials> MakeServerCredentials(
    const std::string& address, const ServerSecurity& security);

}  // namespace halfpipe

#endif  // HP_COORDINATOR_API_SERVER_CREDENTIALS_H_
