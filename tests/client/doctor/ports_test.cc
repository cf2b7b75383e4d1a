#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "client/doctor/checks.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

// A loopback port that somebody listens on while this lives.
class TakenPort {
 public:
  TakenPort() : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(fd_, 1), 0);
    EXPECT_EQ(getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size),
              0);
    port_ = ntohs(address.sin_port);
  }

  ~TakenPort() { close(fd_); }

  [[nodiscard]] int port() const { return port_; }

 private:
  int fd_;
  int port_ = 0;
};

TEST(PortsTest, ATakenPortIsAWarningAndAFreeOneIsNot) {
  int port = 0;
  {
    const TakenPort taken;
    port = taken.port();
    const Finding finding = CheckPort(port, "gRPC", nullptr);
    EXPECT_EQ(finding.verdict, Verdict::kWarn);
    EXPECT_EQ(finding.subject, absl::StrCat("port ", port));
    EXPECT_THAT(finding.found, HasSubstr("in use"));
    EXPECT_THAT(finding.advice, HasSubstr("--listen-address"));
  }
  const Finding finding = CheckPort(port, "gRPC", nullptr);
  EXPECT_EQ(finding.verdict, Verdict::kOk);
  EXPECT_THAT(finding.found, HasSubstr("free (gRPC)"));
}

TEST(PortsTest, WhatIsNotACoordinatorIsNotTakenForOne) {
  const TakenPort taken;
  const auto client =
      NewTrainingClient({.address = absl::StrCat("127.0.0.1:", taken.port()),
                         .call_timeout = absl::Milliseconds(200)});
  EXPECT_EQ(CheckPort(taken.port(), "gRPC", client.get()).verdict,
            Verdict::kWarn);
}

}  // namespace
}  // namespace halfpipe
