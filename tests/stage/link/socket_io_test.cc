#include "stage/link/socket_io.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>
#include <thread>
#include <utility>

#include "absl/time/clock.h"

namespace halfpipe {
namespace {

// More than the kernel buffers, so that calls have to go on in pieces.
constexpr size_t kLarge = size_t{4} << 20;

std::pair<OwnedFd, OwnedFd> MakeSockets() {
  int ends[2] = {-1, -1};
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  return {OwnedFd(ends[0]), OwnedFd(ends[1])};
}

absl::Time Soon() { return absl::Now() + absl::Seconds(10); }

TEST(OwnedFdTest, ClosesItsDescriptorOnce) {
  auto [a, b] = MakeSockets();
  const int number = a.get();
  {
    OwnedFd moved(std::move(a));
    EXPECT_FALSE(a.valid());  // NOLINT(bugprone-use-after-move): what is tested
    EXPECT_EQ(moved.get(), number);
    EXPECT_NE(fcntl(number, F_GETFD), -1);
  }
  EXPECT_EQ(fcntl(number, F_GETFD), -1);
}

TEST(SocketIoTest, LargeTransfersArriveWhole) {
  auto [a, b] = MakeSockets();
  std::string sent(kLarge, 'x');
  sent.back() = 'y';
  std::thread sender([&, fd = a.get()] {
    EXPECT_TRUE(SendAll(fd, sent.data(), sent.size()).ok());
  });
  std::string received(kLarge, '\0');
  EXPECT_TRUE(ReceiveAll(b.get(), received.data(), received.size()).ok());
  sender.join();
  EXPECT_EQ(received, sent);
}

TEST(SocketIoTest, APeerThatWentAwayIsAborted) {
  auto [a, b] = MakeSockets();
  ASSERT_TRUE(SendAll(a.get(), "ab", 2).ok());
  a = OwnedFd();
  char bytes[3] = {};
  EXPECT_TRUE(absl::IsAborted(ReceiveAll(b.get(), bytes, 3)));
  EXPECT_TRUE(absl::IsAborted(SendAll(b.get(), "ab", 2)));
}

TEST(SocketIoTest, WaitsEndAtTheDeadlineOrTheStop) {
  auto [a, b] = MakeSockets();
  std::stop_source stop;
  EXPECT_TRUE(absl::IsDeadlineExceeded(WaitReadable(
      b.get(), absl::Now() + absl::Milliseconds(30), stop.get_token())));
  ASSERT_TRUE(SendAll(a.get(), "a", 1).ok());
  EXPECT_TRUE(WaitReadable(b.get(), Soon(), stop.get_token()).ok());
  stop.request_stop();
  EXPECT_TRUE(
      absl::IsCancelled(WaitReadable(a.get(), Soon(), stop.get_token())));
}

// Both sides send more than fits into the socket before they read.
TEST(SocketIoTest, AnExchangeDoesNotWaitForItself) {
  auto [a, b] = MakeSockets();
  const std::string from_a(kLarge, 'a');
  const std::string from_b(kLarge, 'b');
  std::string at_a(kLarge, '\0');
  std::string at_b(kLarge, '\0');
  std::thread peer([&, fd = b.get()] {
    EXPECT_TRUE(ExchangeAll(fd, {from_b.data(), kLarge, at_b.data(), kLarge},
                            Soon(), {})
                    .ok());
  });
  EXPECT_TRUE(ExchangeAll(a.get(), {from_a.data(), kLarge, at_a.data(), kLarge},
                          Soon(), {})
                  .ok());
  peer.join();
  EXPECT_EQ(at_a, from_b);
  EXPECT_EQ(at_b, from_a);
}

}  // namespace
}  // namespace halfpipe
