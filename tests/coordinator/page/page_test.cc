#include "coordinator/page/page.h"

#include <httplib.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "absl/strings/numbers.h"
#include "common/metrics/metrics_server.h"
#include "coordinator/coordinator_fixture.h"
#include "coordinator/page/page_files.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "support/test_certificates.h"

namespace halfpipe {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

int PortOf(const std::string& address) {
  int port = 0;
  EXPECT_TRUE(absl::SimpleAtoi(address.substr(address.rfind(':') + 1), &port));
  return port;
}

// Machines under load take longer than httplib waits.
constexpr std::chrono::seconds kPatience(60);

// Status -1: there was no answer, which fails the test.
httplib::Response AnswerOf(const httplib::Result& result,
                           const std::string& path) {
  if (result) return *result;
  ADD_FAILURE() << path << ": " << httplib::to_string(result.error());
  return {};
}

// The open page of a coordinator that has run a job.
class PageTest : public CoordinatorTest {
 protected:
  PageTest() {
    auto server = MetricsServer::Start(
        "127.0.0.1:0", &registry_, [] { return std::string(); }, {},
        page_.Routes());
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    page_.Open(coordinator_.get());
  }

  ~PageTest() override { page_.Close(); }

  httplib::Response Get(const std::string& path,
                        const httplib::Headers& headers = {}) {
    httplib::Client client("127.0.0.1", PortOf(server_->address()));
    client.set_read_timeout(kPatience);
    return AnswerOf(client.Get(path.c_str(), headers), path);
  }

  Page page_{nullptr};
  std::unique_ptr<MetricsServer> server_;
};

TEST_F(PageTest, ServesItsFilesAndNothingElse) {
  auto response = Get("/");
  EXPECT_EQ(response.status, 200);
  EXPECT_THAT(response.body, HasSubstr("<title>halfpipe</title>"));
  EXPECT_THAT(response.get_header_value("Content-Type"),
              HasSubstr("text/html"));
  EXPECT_THAT(response.get_header_value("Content-Security-Policy"),
              HasSubstr("default-src 'none'"));
  EXPECT_EQ(response.get_header_value("X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(response.get_header_value("Cache-Control"), "no-store");
  EXPECT_EQ(Get("/page.css").body, PageCss());
  EXPECT_EQ(Get("/page.js").body, PageJs());
  for (const char* path :
       {"/page.html", "/../etc/passwd", "/api/v1/", "/api"}) {
    EXPECT_EQ(Get(path).status, 404) << path;
  }
  EXPECT_EQ(Get("/metrics").status, 200);
  EXPECT_EQ(Get("/healthz").status, 200);
}

// Nothing comes from elsewhere, and no text becomes markup.
TEST_F(PageTest, TheFilesNeedNobodyElse) {
  for (const absl::string_view file : {PageIndexHtml(), PageCss(), PageJs()}) {
    EXPECT_GT(file.size(), 500u);
    EXPECT_THAT(std::string(file), Not(HasSubstr("https://")));
    EXPECT_THAT(std::string(file), Not(HasSubstr("@import")));
  }
  for (const char* way : {"innerHTML", "outerHTML", "insertAdjacentHTML",
                          "document.write", "eval("}) {
    EXPECT_THAT(std::string(PageJs()), Not(HasSubstr(way)));
  }
}

TEST_F(PageTest, TellsOfJobsAndStages) {
  JobSpec spec = Spec("a");
  spec.labels = {{"who", "<script>alert(1)</script>"}};
  ASSERT_TRUE(coordinator_->CreateJob(spec).ok());
  JoinPair("default");
  WorkToStep("a", 3);
  ASSERT_TRUE(coordinator_->CreateJob(Spec("b")).ok());
  Work();  // "a" has ended, "b" too
  ASSERT_TRUE(coordinator_->CreateJob(Spec("c")).ok());

  const auto response = Get("/api/v1/overview");
  ASSERT_EQ(response.status, 200);
  EXPECT_EQ(response.get_header_value("Content-Type"), "application/json");
  const json overview = json::parse(response.body);
  EXPECT_EQ(overview["stages"].size(), 2u);
  EXPECT_EQ(overview["jobs"].size(), 3u);
  EXPECT_EQ(overview["jobs"][0]["id"], "c");

  const json job = json::parse(Get("/api/v1/jobs/a").body);
  EXPECT_EQ(job["state"], "done");
  EXPECT_EQ(job["labels"]["who"], "<script>alert(1)</script>");
  EXPECT_EQ(job["curve"].size(), 6u);
  EXPECT_EQ(job["timeline"]["steps_done"], 6);
}

TEST_F(PageTest, UnknownJobsAndBadIds) {
  auto response = Get("/api/v1/jobs/nobody");
  EXPECT_EQ(response.status, 404);
  EXPECT_THAT(json::parse(response.body)["error"].get<std::string>(),
              HasSubstr("nobody"));
  EXPECT_EQ(Get("/api/v1/jobs/a/b").status, 404);
  EXPECT_EQ(Get("/api/v1/jobs/%3Cscript%3E").status, 404);
}

TEST_F(PageTest, WithoutACoordinatorItSaysSo) {
  page_.Close();
  EXPECT_EQ(Get("/api/v1/overview").status, 503);
  EXPECT_EQ(Get("/").status, 200);
}

// A page of somewhere else may have its name point here.
TEST_F(PageTest, AnotherHostsNameIsRefused) {
  for (const char* path : {"/", "/api/v1/overview", "/metrics", "/healthz"}) {
    EXPECT_EQ(Get(path, {{"Host", "evil.example"}}).status, 403) << path;
    EXPECT_EQ(Get(path, {{"Host", "localhost:1"}}).status, 200) << path;
    EXPECT_EQ(Get(path, {{"Host", "[::1]:1"}}).status, 200) << path;
  }
}

// The same with TLS, tokens and sessions.
class ClosedPageTest : public CoordinatorTest {
 protected:
  ClosedPageTest() {
    directory_tls_ = ::testing::TempDir() + "/page_test_tls";
    std::filesystem::create_directories(directory_tls_);
    const TestAuthority authority(directory_tls_, "ca");
    files_ = authority.Issue("page");
    auto server = MetricsServer::Start(
        "127.0.0.1:0", &registry_, [] { return std::string(); },
        {.certificate = files_.certificate,
         .key = files_.key,
         .may_read = [](absl::string_view token) { return token == "good"; },
         .has_session =
             [this](absl::string_view session) {
               return sessions_.IsOpen(session, absl::Now());
             }},
        page_.Routes());
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    page_.Open(coordinator_.get());
    client_ = std::make_unique<httplib::SSLClient>("localhost",
                                                   PortOf(server_->address()));
    client_->set_ca_cert_path(files_.ca.c_str());
    client_->enable_server_certificate_verification(true);
    client_->set_read_timeout(kPatience);
  }

  ~ClosedPageTest() override { page_.Close(); }

  httplib::Response Post(const std::string& body,
                         const char* type = "application/json",
                         const char* path = "/api/v1/session") {
    return AnswerOf(client_->Post(path, body, type), path);
  }

  int Status(const char* path, const std::string& cookie) {
    httplib::Headers headers;
    if (!cookie.empty()) headers.emplace("Cookie", cookie);
    return AnswerOf(client_->Get(path, headers), path).status;
  }

  std::string directory_tls_;
  TlsFiles files_;
  bool alice_ = true;
  PageSessions sessions_{[this](absl::string_view) { return alice_; }};
  Page page_{&sessions_};
  std::unique_ptr<MetricsServer> server_;
  std::unique_ptr<httplib::SSLClient> client_;
};

TEST_F(ClosedPageTest, ATicketBecomesACookieThatOpensThePage) {
  EXPECT_EQ(Status("/", ""), 200);  // says how to log in, and nothing else
  EXPECT_EQ(Status("/page.js", ""), 200);
  EXPECT_EQ(Status("/api/v1/overview", ""), 401);
  EXPECT_EQ(Status("/metrics", ""), 401);
  const std::string ticket = sessions_.NewTicket("alice", absl::Now()).value();
  const auto response = Post("{\"ticket\": \"" + ticket + "\"}");
  ASSERT_EQ(response.status, 200);
  const std::string cookie = response.get_header_value("Set-Cookie");
  EXPECT_THAT(cookie, HasSubstr("__Host-halfpipe="));
  for (const char* attribute :
       {"; HttpOnly", "; Secure", "; SameSite=Strict", "; Path=/"}) {
    EXPECT_THAT(cookie, HasSubstr(attribute));
  }
  EXPECT_THAT(cookie, Not(HasSubstr(ticket)));
  const std::string mine = cookie.substr(0, cookie.find(';'));
  EXPECT_EQ(Status("/api/v1/overview", mine), 200);
  EXPECT_EQ(Status("/api/v1/overview", "other=1; " + mine + "; x=2"), 200);
  EXPECT_EQ(Status("/api/v1/jobs/nobody", mine), 404);
  // A ticket is no cookie, and a cookie of another name none either.
  EXPECT_EQ(Status("/api/v1/overview", "__Host-halfpipe=" + ticket), 401);
  EXPECT_EQ(Status("/api/v1/overview", "x" + mine), 401);
  EXPECT_EQ(Post("{\"ticket\": \"" + ticket + "\"}").status, 401);
  alice_ = false;  // her token was removed
  EXPECT_EQ(Status("/api/v1/overview", mine), 401);
}

TEST_F(ClosedPageTest, WhatIsNoTicketGetsNoCookie) {
  for (const char* body : {"", "x", "{}", "[]", "{\"ticket\": 7}"}) {
    const auto response = Post(body);
    EXPECT_EQ(response.status, 400) << body;
    EXPECT_FALSE(response.has_header("Set-Cookie"));
  }
  EXPECT_EQ(Post("{\"ticket\": \"hpt_wrong\"}").status, 401);
  // What a form of another site can send.
  for (const char* type : {"text/plain", "application/x-www-form-urlencoded"}) {
    const std::string ticket =
        sessions_.NewTicket("alice", absl::Now()).value();
    const auto response = Post("{\"ticket\": \"" + ticket + "\"}", type);
    EXPECT_EQ(response.status, 415) << type;
    EXPECT_FALSE(response.has_header("Set-Cookie"));
  }
  EXPECT_EQ(Post(std::string(100'000, 'x')).status, 413);
  EXPECT_EQ(Status("/api/v1/session", ""), 404);
  EXPECT_EQ(Post("", "text/plain", "/api/v1/overview").status, 401);
}

TEST_F(ClosedPageTest, ATokenOpensItForPrograms) {
  const auto response =
      client_->Get("/api/v1/overview", {{"Authorization", "Bearer good"}});
  EXPECT_EQ(AnswerOf(response, "/api/v1/overview").status, 200);
}

}  // namespace
}  // namespace halfpipe
