#include "common/net/peer_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace halfpipe {
namespace {

constexpr size_t kNetworkBytes = 8;

PeerAddress DescribeV4(in_addr host, in_port_t port) {
  char text[INET_ADDRSTRLEN] = {};
  inet_ntop(AF_INET, &host, text, sizeof(text));
  return {.text = absl::StrCat(text, ":", ntohs(port)),
          .machine = text,
          .is_local = (ntohl(host.s_addr) >> 24) == 127};
}

PeerAddress DescribeV6(const in6_addr& host, in_port_t port) {
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(AF_INET6, &host, text, sizeof(text));
  PeerAddress peer;
  peer.text = absl::StrCat("[", text, "]:", ntohs(port));
  peer.is_local = IN6_IS_ADDR_LOOPBACK(&host) != 0;
  in6_addr network = host;
  std::fill(std::begin(network.s6_addr) + kNetworkBytes,
            std::end(network.s6_addr), uint8_t{0});
  inet_ntop(AF_INET6, &network, text, sizeof(text));
  peer.machine = peer.is_local ? "::1" : absl::StrCat(text, "/64");
  return peer;
}

}  // namespace

PeerAddress DescribePeer(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    sockaddr_in v4 = {};
    std::memcpy(&v4, address, sizeof(v4));
    return DescribeV4(v4.sin_addr, v4.sin_port);
  }
  if (address->sa_family != AF_INET6) return {};
  sockaddr_in6 v6 = {};
  std::memcpy(&v6, address, sizeof(v6));
  if (!IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
    return DescribeV6(v6.sin6_addr, v6.sin6_port);
  }
  in_addr v4 = {};
  std::memcpy(&v4, &v6.sin6_addr.s6_addr[12], sizeof(v4));
  return DescribeV4(v4, v6.sin6_port);
}

}  // namespace halfpipe
