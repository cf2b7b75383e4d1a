#include "client/local/page_port.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

TEST(PagePortTest, TheUsualPortWhereItIsFree) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_GE(fd, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(bind(fd, generic, size), 0);
  ASSERT_EQ(listen(fd, 1), 0);
  ASSERT_EQ(getsockname(fd, generic, &size), 0);
  const int port = ntohs(address.sin_port);
  EXPECT_EQ(PageAddress(port), "127.0.0.1:0");
  close(fd);
  EXPECT_EQ(PageAddress(port), absl::StrCat("127.0.0.1:", port));
}

}  // namespace
}  // namespace halfpipe
