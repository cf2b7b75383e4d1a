// What strangers do to an HTTP port, byte by byte.
#include "common/metrics/http_port.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "support/raw_client.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr absl::Duration kHealthTime = absl::Seconds(1);

class HttpPortTest : public ::testing::Test {
 protected:
  HttpPortTest() {
    auto port = HttpPort::Start(
        "127.0.0.1:0", {},
        {.is_urgent =
             [this](const HttpCall& call) {
               if (call.path == "/hold") {
                 held_.Notify();
                 go_on_.WaitForNotification();
               }
               return call.path == "/healthz";
             },
         .refuse = [](const HttpCall& call) -> std::optional<HttpAnswer> {
           if (call.path != "/secret") return std::nullopt;
           return HttpAnswer{.status = 401, .body = "no"};
         },
         .answer =
             [this](const HttpCall& call) {
               if (call.path == "/slow" || call.path == "/hold") {
                 slow_.WaitForNotification();
               }
               return HttpAnswer{.body =
                                     absl::StrCat(call.method, " ", call.path,
                                                  " ", call.body)};
             }});
    EXPECT_TRUE(port.ok()) << port.status();
    port_ = *std::move(port);
  }

  ~HttpPortTest() override {
    if (!slow_.HasBeenNotified()) slow_.Notify();
  }

  std::string Ask(absl::string_view request) {
    RawClient client(port_->address());
    if (!client.Send(request)) return "";
    return client.ReadAll();
  }

  // Whether health is answered, and how soon.
  void ExpectHealth() {
    const absl::Time start = absl::Now();
    EXPECT_THAT(Ask("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"),
                StartsWith("HTTP/1.1 200"));
    EXPECT_LT(absl::Now() - start, kHealthTime);
  }

  absl::Notification slow_;
  absl::Notification held_;   // the thread that reads and writes waits...
  absl::Notification go_on_;  // ... for this
  std::unique_ptr<HttpPort> port_;
};

TEST_F(HttpPortTest, AnswersGetsAndPosts) {
  EXPECT_THAT(Ask("GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n"),
              HasSubstr("\r\n\r\nGET /a "));
  EXPECT_THAT(
      Ask("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"),
      HasSubstr("\r\n\r\nPOST /a abc"));
  const std::string head = Ask("HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(head, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(head, ::testing::EndsWith("\r\n\r\n"));
}

TEST_F(HttpPortTest, AConnectionIsForOneRequest) {
  const std::string one = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
  const std::string answers = Ask(absl::StrCat(one, one, one));
  EXPECT_EQ(answers.find("GET /a"), answers.rfind("GET /a"));
}

TEST_F(HttpPortTest, BodiesAreRefusedBeforeTheyAreRead) {
  const std::string post = "POST /a HTTP/1.1\r\nHost: x\r\n";
  EXPECT_THAT(Ask(post + "Content-Length: 5000\r\n\r\n"),
              StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(Ask(post + "Content-Length: 99999999999999\r\n\r\n"),
              StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(Ask(post + "Transfer-Encoding: chunked\r\n\r\n"),
              StartsWith("HTTP/1.1 411"));
  EXPECT_THAT(Ask("GET /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"),
              StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(
      Ask("GET /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"),
      StartsWith("HTTP/1.1 411"));
  for (const char* length : {"-1", "x", "5, 5", "99999999999999999999999"}) {
    EXPECT_THAT(Ask(absl::StrCat(post, "Content-Length: ", length, "\r\n\r\n")),
                ::testing::Not(StartsWith("HTTP/1.1 200")))
        << length;
  }
}

TEST_F(HttpPortTest, WhoStillSendsARefusedBodyGetsTheAnswer) {
  RawClient client(port_->address());
  ASSERT_TRUE(client.Send(
      "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n"));
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(client.Send(std::string(50'000, 'x'))) << i;
    absl::SleepFor(absl::Milliseconds(50));  // it is refused meanwhile
  }
  EXPECT_THAT(client.ReadAll(), StartsWith("HTTP/1.1 413"));
}

TEST_F(HttpPortTest, OtherMethodsAndLongPathsAreRefused) {
  for (const char* method : {"PUT", "DELETE", "CONNECT", "TRACE", "X"}) {
    EXPECT_THAT(Ask(absl::StrCat(method, " /a HTTP/1.1\r\nHost: x\r\n\r\n")),
                StartsWith("HTTP/1.1 4"))
        << method;
  }
  EXPECT_THAT(Ask(absl::StrCat("GET /", std::string(2000, 'a'),
                               " HTTP/1.1\r\nHost: x\r\n\r\n")),
              StartsWith("HTTP/1.1 414"));
}

// 24 MiB and more by cpp-httplib, with one connection.
TEST_F(HttpPortTest, EndlessHeadersEndTheConnection) {
  RawClient client(port_->address());
  ASSERT_TRUE(client.Send("GET /a HTTP/1.1\r\nHost: x\r\n"));
  const std::string line = "X-" + std::string(60, 'a') + ": b\r\n";
  int64_t sent = 0;
  while (sent < (int64_t{64} << 20) && client.Send(line)) {
    sent += static_cast<int64_t>(line.size());
  }
  // What the kernel's buffers on both sides hold is no more than this.
  EXPECT_LT(sent, int64_t{16} << 20);
  ExpectHealth();
}

TEST_F(HttpPortTest, OneEndlessLineEndsTheConnection) {
  for (const char* begin : {"GET /", "GET / HTTP/1.1\r\nX: "}) {
    RawClient client(port_->address());
    ASSERT_TRUE(client.Send(begin));
    const std::string piece(size_t{1} << 16, 'a');
    int pieces = 0;
    while (pieces < 1024 && client.Send(piece)) ++pieces;
    EXPECT_LT(pieces, 256) << begin;
  }
}

TEST_F(HttpPortTest, HealthIsAnsweredWhileAllOthersAreBusy) {
  std::vector<RawClient> slow;
  for (int i = 0; i < 4 * HttpPort::kThreads; ++i) {
    slow.emplace_back(port_->address());
    ASSERT_TRUE(slow.back().Send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"));
  }
  for (int i = 0; i < 10; ++i) ExpectHealth();
  slow_.Notify();
  for (RawClient& client : slow) {
    EXPECT_THAT(client.ReadAll(), HasSubstr("GET /slow"));
  }
}

TEST_F(HttpPortTest, SlowHeadersHoldUpNobodyAndEndInTime) {
  std::vector<RawClient> slow;
  for (int i = 0; i < 200; ++i) {
    slow.emplace_back(port_->address());
    ASSERT_TRUE(slow.back().Send("GET /healthz HTTP/1.1\r\nX"));
  }
  const absl::Time start = absl::Now();
  bool is_open = true;
  // A byte a second is no silence; still there is an end to it.
  while (is_open && absl::Now() - start < absl::Seconds(20)) {
    ExpectHealth();
    is_open = slow[0].Send("x") && !slow[0].IsClosedWithin(absl::Seconds(1));
  }
  EXPECT_FALSE(is_open);
}

TEST_F(HttpPortTest, SilentConnectionsKeepNobodyOut) {
  std::vector<RawClient> silent;
  for (int i = 0; i < 800; ++i) silent.emplace_back(port_->address());
  ExpectHealth();
  EXPECT_TRUE(silent[0].IsClosedWithin(absl::Seconds(5)));
}

// libmicrohttpd 0.9.75 takes 128 events at a time from epoll; where that is
// all there is, it waits for another before it looks at them, for ten seconds.
class HttpPortBurstTest : public HttpPortTest,
                          public ::testing::WithParamInterface<int> {};

TEST_P(HttpPortBurstTest, AnyNumberOfEventsAtOnceIsSeenAtOnce) {
  std::vector<RawClient> others;
  for (int i = 0; i < GetParam(); ++i) others.emplace_back(port_->address());
  ExpectHealth();  // they have been taken before it
  RawClient holder(port_->address());
  ASSERT_TRUE(holder.Send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n"));
  held_.WaitForNotification();
  for (RawClient& other : others) ASSERT_TRUE(other.Send("G"));
  RawClient late(port_->address());
  ASSERT_TRUE(late.Send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n"));
  absl::SleepFor(absl::Milliseconds(100));  // until the gate has handed it on
  go_on_.Notify();
  EXPECT_THAT(late.ReadAll(absl::Seconds(3)), HasSubstr("GET /a"));
}

INSTANTIATE_TEST_SUITE_P(Counts, HttpPortBurstTest,
                         ::testing::Values(126, 127, 128));

TEST_F(HttpPortTest, WhoHangsUpEarlyIsForgotten) {
  for (int i = 0; i < 300; ++i) {
    RawClient client(port_->address());
    if (i % 3 > 0) {
      ASSERT_TRUE(client.Send("GET /a HTTP/1.1\r\nHost: x\r\n"));
    }
    if (i % 3 > 1) {
      ASSERT_TRUE(client.Send("\r\n"));
    }
  }
  ExpectHealth();
}

TEST_F(HttpPortTest, StopsWhileRequestsAreUnderWay) {
  RawClient half(port_->address());
  ASSERT_TRUE(half.Send("GET /a HTTP/1.1\r\n"));
  RawClient slow(port_->address());
  ASSERT_TRUE(slow.Send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"));
  ExpectHealth();
  slow_.Notify();
  port_.reset();
}

}  // namespace
}  // namespace halfpipe
