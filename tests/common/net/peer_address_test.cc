#include <arpa/inet.h>
#include <netinet/in.h>

#include <string>

#include "common/net/connection_budget.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

PeerAddress V4(const char* host) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(4711);
  inet_pton(AF_INET, host, &address.sin_addr);
  return DescribePeer(reinterpret_cast<const sockaddr*>(&address));
}

PeerAddress V6(const char* host) {
  sockaddr_in6 address = {};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(4711);
  inet_pton(AF_INET6, host, &address.sin6_addr);
  return DescribePeer(reinterpret_cast<const sockaddr*>(&address));
}

TEST(PeerAddressTest, AMachineIsAnIpv4AddressOrANetworkOfIpv6) {
  EXPECT_EQ(V4("192.0.2.7").text, "192.0.2.7:4711");
  EXPECT_EQ(V4("192.0.2.7").machine, "192.0.2.7");
  EXPECT_EQ(V6("2001:db8::7").text, "[2001:db8::7]:4711");
  EXPECT_EQ(V6("2001:db8::7").machine, "2001:db8::/64");
  EXPECT_EQ(V6("2001:db8::ffff:1").machine, V6("2001:db8::7").machine);
  EXPECT_NE(V6("2001:db8:0:1::7").machine, V6("2001:db8::7").machine);
}

TEST(PeerAddressTest, Ipv4WithinIpv6IsIpv4) {
  EXPECT_EQ(V6("::ffff:192.0.2.7").text, "192.0.2.7:4711");
  EXPECT_EQ(V6("::ffff:192.0.2.7").machine, "192.0.2.7");
  EXPECT_TRUE(V6("::ffff:127.0.0.1").is_local);
}

TEST(PeerAddressTest, LoopbackIsThisMachine) {
  EXPECT_TRUE(V4("127.0.0.1").is_local);
  EXPECT_TRUE(V4("127.8.0.1").is_local);
  EXPECT_TRUE(V6("::1").is_local);
  EXPECT_FALSE(V4("128.0.0.1").is_local);
  EXPECT_FALSE(V6("::2").is_local);
}

TEST(PeerAddressTest, AnotherFamilyIsNobody) {
  sockaddr address = {};
  address.sa_family = AF_UNIX;
  EXPECT_EQ(DescribePeer(&address).text, "");
}

}  // namespace
}  // namespace halfpipe
