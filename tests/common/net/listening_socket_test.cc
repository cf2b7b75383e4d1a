#include "common/net/listening_socket.h"

#include "gtest/gtest.h"
#include "support/raw_client.h"

namespace halfpipe {
namespace {

TEST(ListeningSocketsTest, TakesAFreePortAndTellsIt) {
  auto sockets = ListeningSockets::Open("127.0.0.1:0");
  ASSERT_TRUE(sockets.ok()) << sockets.status();
  EXPECT_NE(sockets->address(), "127.0.0.1:0");
  EXPECT_TRUE(RawClient(sockets->address()).is_open());
  sockets->Close();
  EXPECT_FALSE(RawClient(sockets->address()).is_open());
}

TEST(ListeningSocketsTest, AnyAddressIsThisMachinesToo) {
  for (const char* any : {"0.0.0.0:0", "[::]:0", "localhost:0"}) {
    auto sockets = ListeningSockets::Open(any);
    ASSERT_TRUE(sockets.ok()) << sockets.status();
    EXPECT_TRUE(RawClient(sockets->address()).is_open()) << any;
  }
}

TEST(ListeningSocketsTest, APortIsOnesOwn) {
  auto first = ListeningSockets::Open("127.0.0.1:0");
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(ListeningSockets::Open(first->address()).status().code(),
            absl::StatusCode::kAlreadyExists);
  const std::string address = first->address();
  first->Close();
  EXPECT_TRUE(ListeningSockets::Open(address).ok());
}

TEST(ListeningSocketsTest, WhatIsNoAddressOfThisMachineIsNamed) {
  EXPECT_EQ(ListeningSockets::Open("9700").status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ListeningSockets::Open("192.0.2.1:0").status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(ListeningSockets::Open("no.such.host.invalid:0").status().code(),
            absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace halfpipe
