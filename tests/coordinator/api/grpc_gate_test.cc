#include "coordinator/api/grpc_gate.h"

#include "gtest/gtest.h"

namespace halfpipe {
namespace {

TEST(GrpcGateTest, PeersAreNamedAsTheGateNamesThem) {
  EXPECT_EQ(PeerTextOf("ipv4:192.0.2.7:4711"), "192.0.2.7:4711");
  EXPECT_EQ(PeerTextOf("ipv6:%5B2001:db8::7%5D:4711"), "[2001:db8::7]:4711");
  EXPECT_EQ(PeerTextOf("ipv6:%5Bfe80::1%252%5D:4711"), "[fe80::1]:4711");
  EXPECT_EQ(PeerTextOf("unix:/run/halfpipe/hp.sock"), "");
  EXPECT_EQ(PeerTextOf("ipv6:nonsense"), "");
}

TEST(GrpcGateTest, OpensWithinTheLimitsOfTheService) {
  const auto gate = GrpcGate::Open("127.0.0.1:0", {});
  ASSERT_TRUE(gate.ok()) << gate.status();
  EXPECT_EQ(GrpcGate::Open((*gate)->address(), {}).status().code(),
            absl::StatusCode::kAlreadyExists);
}

}  // namespace
}  // namespace halfpipe
