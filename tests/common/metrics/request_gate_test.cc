#include "common/metrics/request_gate.h"

#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "support/test_certificates.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::vector<HttpRoute> Routes() {
  const auto echo = [](const HttpRequest& request) {
    return HttpAnswer{.body = request.path + " " + request.match};
  };
  return {{.pattern = "/", .is_open = true, .handler = echo},
          {.pattern = "/jobs/([a-z]{1,8})", .handler = echo},
          {.pattern = "/healthz", .is_urgent = true, .handler = echo},
          {.method = HttpRoute::Method::kPost,
           .pattern = "/session",
           .is_open = true,
           .takes = "application/json",
           .handler = echo}};
}

HttpCall Call(const std::string& path,
              std::vector<std::pair<std::string, std::string>> headers = {},
              const std::string& host = "localhost:9700") {
  headers.emplace_back("Host", host);
  return {.method = "GET",
          .version = "HTTP/1.1",
          .path = path,
          .headers = std::move(headers),
          .body = {},
          .peer = "127.0.0.1:1"};
}

// 0: it may be asked.
int Status(const RequestGate& gate, const HttpCall& call) {
  const std::optional<HttpAnswer> refusal = gate.Refuse(call);
  return refusal.has_value() ? refusal->status : 0;
}

class OpenGateTest : public ::testing::Test {
 protected:
  const RequestGate gate_ = *RequestGate::Create({}, Routes());
};

TEST_F(OpenGateTest, RoutesAreFoundByPathAndMethod) {
  EXPECT_EQ(Status(gate_, Call("/")), 0);
  EXPECT_EQ(Status(gate_, Call("/jobs/abc")), 0);
  EXPECT_EQ(gate_.Answer(Call("/jobs/abc")).body, "/jobs/abc abc");
  EXPECT_EQ(Status(gate_, Call("/jobs/ABC")), 404);
  EXPECT_EQ(Status(gate_, Call("/jobs/abc/d")), 404);
  EXPECT_EQ(Status(gate_, Call("/session")), 404);
  EXPECT_TRUE(gate_.IsUrgent(Call("/healthz")));
  EXPECT_FALSE(gate_.IsUrgent(Call("/")));
  EXPECT_THAT(gate_.Answer(Call("/")).headers["Content-Security-Policy"],
              HasSubstr("default-src 'none'"));
}

// Some page has lent its own name to this machine's address.
TEST_F(OpenGateTest, AnotherHostsNameIsRefusedForEveryPath) {
  for (const char* path : {"/", "/jobs/a", "/healthz", "/other"}) {
    for (const char* host :
         {"evil.example", "evil.example:9700", "localhost.evil.example",
          "192.0.2.1:9700", "", "localhost:9700:1"}) {
      EXPECT_EQ(Status(gate_, Call(path, {}, host)), 403) << path << host;
    }
  }
  for (const char* host :
       {"localhost", "LOCALHOST:1", "127.0.0.1:9700", "[::1]", "[::1]:9700"}) {
    EXPECT_EQ(Status(gate_, Call("/healthz", {}, host)), 0) << host;
  }
}

TEST_F(OpenGateTest, ARequestHasOneHost) {
  HttpCall call = Call("/", {{"host", "localhost"}});
  EXPECT_EQ(Status(gate_, call), 400);
  call.headers.clear();
  EXPECT_EQ(Status(gate_, call), 400);
  call.version = "HTTP/1.0";
  EXPECT_EQ(Status(gate_, call), 0);
}

TEST_F(OpenGateTest, ARouteTakesItsOwnContentTypeOnly) {
  const auto post = [this](const char* type) {
    HttpCall call = Call("/session", {{"content-type", type}});
    call.method = "POST";
    return Status(gate_, call);
  };
  EXPECT_EQ(post("application/json"), 0);
  EXPECT_EQ(post("Application/JSON ; charset=utf-8"), 0);
  // What a form of another site can send.
  for (const char* type :
       {"", "text/plain", "multipart/form-data; boundary=a",
        "application/x-www-form-urlencoded", "text/plain; application/json"}) {
    EXPECT_EQ(post(type), 415) << type;
  }
}

// A page of another site may not send anything, whatever it makes of its form.
TEST_F(OpenGateTest, APostComesFromThisHostsOwnPage) {
  const auto post = [this](const char* origin) {
    HttpCall call = Call(
        "/session", {{"Content-Type", "application/json"}, {"Origin", origin}});
    call.method = "POST";
    return Status(gate_, call);
  };
  EXPECT_EQ(post("http://localhost:9700"), 0);
  EXPECT_EQ(post("http://LOCALHOST:9700"), 0);
  for (const char* origin :
       {"http://evil.example", "http://localhost:9701", "http://localhost",
        "null", "", "localhost:9700", "http://evil.example#localhost:9700"}) {
    EXPECT_EQ(post(origin), 403) << origin;
  }
  // Reading is told apart by the browser: what is read stays here.
  EXPECT_EQ(Status(gate_, Call("/", {{"Origin", "http://evil.example"}})), 0);
}

// Everybody on this machine reaches the port; not everybody the page.
TEST(RequestGateTest, ARouteMayNeedASessionOnAnOpenPort) {
  std::vector<HttpRoute> routes = Routes();
  routes[1].needs_session = true;
  std::string seen;
  routes[1].handler = [&seen](const HttpRequest& request) {
    seen = request.session;
    return HttpAnswer();
  };
  const RequestGate gate = *RequestGate::Create(
      {.has_session = [](absl::string_view id) { return id == "mine"; }},
      routes);
  EXPECT_EQ(Status(gate, Call("/healthz")), 0);
  EXPECT_EQ(Status(gate, Call("/jobs/a")), 401);
  EXPECT_EQ(Status(gate, Call("/jobs/a", {{"Authorization", "Bearer x"}})),
            401);
  // A cookie goes to every port of a machine: here it is none.
  EXPECT_EQ(Status(gate, Call("/jobs/a", {{"Cookie", "__Host-halfpipe=mine"}})),
            401);
  const HttpCall mine = Call("/jobs/a", {{"Authorization", "Bearer mine"}});
  EXPECT_EQ(Status(gate, mine), 0);
  (void)gate.Answer(mine);
  EXPECT_EQ(seen, "mine");
}

class ClosedGateTest : public ::testing::Test {
 protected:
  ClosedGateTest() {
    const std::string directory = ::testing::TempDir() + "/request_gate_test";
    std::filesystem::create_directories(directory);
    const TestAuthority authority(directory, "ca");
    const TlsFiles files = authority.Issue("gate");
    gate_ = *RequestGate::Create(
        {.certificate = files.certificate,
         .key = files.key,
         .may_read = [](absl::string_view token) { return token == "good"; },
         .has_session = [](absl::string_view id) { return id == "mine"; }},
        Routes());
  }

  int With(const char* name, const char* value, const char* path = "/healthz") {
    return Status(*gate_, Call(path, {{name, value}}));
  }

  std::optional<RequestGate> gate_;
};

TEST_F(ClosedGateTest, ATokenOrASessionIsAskedFor) {
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(Status(*gate_, Call("/")), 0);
  EXPECT_EQ(Status(*gate_, Call("/other")), 401);
  EXPECT_EQ(With("Authorization", "Bearer secret"), 401);
  EXPECT_EQ(With("Authorization", "good"), 401);
  EXPECT_EQ(With("authorization", "Bearer good"), 0);
  EXPECT_EQ(With("Authorization", "Bearer good", "/other"), 404);
  EXPECT_EQ(With("Cookie", "a=b; __Host-halfpipe=mine"), 0);
  EXPECT_EQ(With("Cookie", "__Host-halfpipe=other"), 401);
  EXPECT_EQ(With("Cookie", "x__Host-halfpipe=mine"), 401);
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("msg=\"call refused\" method=/other"));
  EXPECT_THAT(log, Not(HasSubstr("secret")));
}

TEST_F(ClosedGateTest, TheCertificatesNamesAndNumbersAreThisHost) {
  const auto host = [this](const char* name) {
    return Status(*gate_, Call("/", {}, name));
  };
  EXPECT_EQ(host("localhost:9700"), 0);
  EXPECT_EQ(host("192.0.2.1:9700"), 0);
  EXPECT_EQ(host("[2001:db8::1]:9700"), 0);
  EXPECT_EQ(host("evil.example:9700"), 403);
}

}  // namespace
}  // namespace halfpipe
