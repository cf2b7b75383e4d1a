#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/service/systemd.h"

namespace halfpipe {
namespace {

// A path is tried by notifier_test.
TEST(DatagramTest, ANameInTheAbstractNamespaceIsReached) {
  const std::string name = absl::StrCat("halfpipe-datagram-", getpid());
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  name.copy(address.sun_path + 1, name.size());
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&address),
                 static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 +
                                        name.size())),
            0);
  EXPECT_TRUE(SendDatagram(absl::StrCat("@", name), "hello"));
  char text[16] = {};
  EXPECT_EQ(recv(fd, text, sizeof(text), MSG_DONTWAIT), 5);
  EXPECT_STREQ(text, "hello");
  EXPECT_FALSE(
      SendDatagram(absl::StrCat("@", name), std::string(size_t{1} << 24, 'x')));
  close(fd);
}

TEST(DatagramTest, WhereNobodyListensItSaysSo) {
  EXPECT_FALSE(SendDatagram("", "x"));
  EXPECT_FALSE(SendDatagram("relative", "x"));
  EXPECT_FALSE(SendDatagram("/nonexistent/socket", "x"));
  EXPECT_FALSE(SendDatagram(absl::StrCat("/", std::string(200, 'a')), "x"));
}

}  // namespace
}  // namespace halfpipe
