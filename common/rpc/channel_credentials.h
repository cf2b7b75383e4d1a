// How a client of ours shows who it is and checks whom it talks to.
#ifndef HP_COMMON_RPC_CHANNEL_CREDENTIALS_H_
#define HP_COMMON_RPC_CHANNEL_CREDENTIALS_H_

#include <memory>
#include <string>

#include "common/auth/connection.h"
#include "grpcpp/security/credentials.h"

namespace halfpipe {

// TLS to "host:port" with a CA, mutual with a certificate; the files are read
// again when they change, so that a long-lived stage needs no restart for a new
// certificate. The token goes with every call as "authorization: Bearer ...",
// over TLS or to this machine alone. Unix sockets never speak TLS. `security`
// is LoadConnectionSecurity's.
[[nodiscard]] std::shared_ptr<grpc::ChannelCredentials> MakeChannelCredentials(
    const std::string& address, const ConnectionSecurity& security);

}  // namespace halfpipe

#endif  // HP_COMMON_RPC_CHANNEL_CREDENTIALS_H_
