// Who is at the other end of a TCP connection.
#ifndef HP_COMMON_NET_PEER_ADDRESS_H_
#define HP_COMMON_NET_PEER_ADDRESS_H_

#include <sys/socket.h>

#include <string>

namespace halfpipe {

struct PeerAddress {
  std::string text;  // "192.0.2.7:4711", "[2001:db8::7]:4711"
  // What one machine has: its IPv4 address, or the 64 bits of IPv6 that a
  // network gives to one, as "2001:db8::/64".
  std::string machine;
  bool is_local = false;  // a loopback address
};

// IPv4 addresses in the form of IPv6 ("::ffff:192.0.2.7") are IPv4 addresses.
// Any other family: three empty fields.
[[nodiscard]] PeerAddress DescribePeer(const sockaddr* address);

}  // namespace halfpipe

#endif  // HP_COMMON_NET_PEER_ADDRESS_H_
