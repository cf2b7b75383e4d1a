#include "coordinator/page/page.h"

#include <httplib.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/file.h"
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

  httplib::Response Post(const std::string& path,
                         const httplib::Headers& headers = {},
                         const char* type = "application/json") {
    httplib::Client client("127.0.0.1", PortOf(server_->address()));
    client.set_read_timeout(kPatience);
    return AnswerOf(client.Post(path.c_str(), headers, "{}", type), path);
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

TEST_F(PageTest, TellsOfTheStepsThatAreAskedFor) {
  ASSERT_TRUE(coordinator_->CreateJob(Spec("a")).ok());
  JoinPair("default");
  Work();
  const json all =
      json::parse(Get("/api/v1/jobs/a/steps/0/999999999999999").body);
  ASSERT_EQ(all["points"].size(), 6U);
  EXPECT_EQ(all["points"][0][0], 1);
  EXPECT_EQ(all["points"][0][2], 0.5);  // the loss
  const json some = json::parse(Get("/api/v1/jobs/a/steps/2/3").body);
  EXPECT_EQ(some["points"].size(), 2U);
  EXPECT_EQ(Get("/api/v1/jobs/a/steps/2").status, 404);
  EXPECT_EQ(Get("/api/v1/jobs/a/steps/-2/3").status, 404);
  EXPECT_EQ(Get("/api/v1/jobs/b/steps/2/3").status, 404);
}

TEST_F(PageTest, AnOpenPageShowsAndDoesEverything) {
  ASSERT_TRUE(coordinator_->CreateJob(Spec("a")).ok());
  JoinPair("default");
  Work();
  const json job = json::parse(Get("/api/v1/jobs/a").body);
  EXPECT_EQ(job["looks_closely"], true);
  EXPECT_EQ(job["actions"], json::array());  // it is done
  const json lines = json::parse(Get("/api/v1/jobs/a/log").body)["lines"];
  EXPECT_THAT(lines.dump(), HasSubstr("the job is done"));
  const json settings = json::parse(Get("/api/v1/jobs/a/settings").body);
  EXPECT_THAT(settings["yaml"].get<std::string>(), HasSubstr("micro_batches"));

  ASSERT_TRUE(coordinator_->CreateJob(Spec("b")).ok());
  const json b = json::parse(Get("/api/v1/jobs/b").body);
  EXPECT_THAT(b["actions"].dump(), HasSubstr("cancel"));
  const auto cancelled = Post("/api/v1/jobs/b/cancel");
  EXPECT_EQ(cancelled.status, 200) << cancelled.body;
  EXPECT_THAT(json::parse(cancelled.body)["state"].get<std::string>(),
              HasSubstr("cancel"));
}

TEST_F(PageTest, OnlyWhatComesFromThePageItselfActs) {
  ASSERT_TRUE(coordinator_->CreateJob(Spec("a")).ok());
  const char* path = "/api/v1/jobs/a/pause";
  EXPECT_EQ(Get(path).status, 404);
  EXPECT_EQ(Post(path, {}, "text/plain").status, 415);
  EXPECT_EQ(Post(path, {{"Origin", "http://evil.example"}}).status, 403);
  EXPECT_EQ(Post(path, {{"Origin", "null"}}).status, 403);
  EXPECT_EQ(Post(path, {{"Host", "evil.example"}}).status, 403);
  EXPECT_EQ(StateOf("a"), JobState::kQueued);
  EXPECT_EQ(Post("/api/v1/jobs/a/delete").status, 404);
  EXPECT_EQ(Post("/api/v1/jobs/b/pause").status, 404);
  EXPECT_EQ(Post("/api/v1/jobs/a/save").status, 409);
  EXPECT_EQ(Post(path, {{"Origin", "http://" + server_->address()},
                        {"Host", server_->address()}})
                .status,
            200);
  EXPECT_EQ(StateOf("a"), JobState::kPaused);
}

TEST_F(PageTest, AJobsLorasAreThereInPieces) {
  ASSERT_TRUE(coordinator_->CreateJob(Spec("a")).ok());
  JoinPair("default");
  Work();
  const json folders = json::parse(Get("/api/v1/jobs/a/files").body)["folders"];
  ASSERT_GE(folders.size(), 2U);
  EXPECT_EQ(folders[0]["path"], directory_ + "/a");
  ASSERT_FALSE(folders[0]["files"].empty());
  const json& file = folders[0]["files"][0];
  const auto name = file["name"].get<std::string>();
  const auto bytes = file["bytes"].get<int64_t>();
  const std::string stem =
      absl::StrCat("/api/v1/jobs/a/files/", bytes, "/",
                   file["changed"].get<std::string>(), "/");
  const auto whole = Get(absl::StrCat(stem, "0/", name));
  EXPECT_EQ(whole.status, 200);
  EXPECT_EQ(whole.get_header_value("Content-Type"), "application/octet-stream");
  EXPECT_EQ(whole.body, *ReadFile(directory_ + "/a/" + name));
  EXPECT_EQ(Get(absl::StrCat(stem, "1/", name)).body, whole.body.substr(1));
  EXPECT_EQ(Get(absl::StrCat(stem, bytes, "/", name)).status, 416);
  EXPECT_EQ(Get(absl::StrCat("/api/v1/jobs/a/files/1/1/0/", name)).status, 409);
  for (const char* other : {"lora.none.safetensors", "../../lora.x.safetensors",
                            "step-00000002/stage0.safetensors"}) {
    EXPECT_EQ(Get(absl::StrCat(stem, "0/", other)).status, 404) << other;
  }
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

// Nobody whose role is known has this session: it looks, and does nothing.
TEST_F(ClosedPageTest, ASessionThatMayNotActOnlyLooks) {
  ASSERT_TRUE(coordinator_->CreateJob(Spec("a")).ok());
  const std::string ticket = sessions_.NewTicket("alice", absl::Now()).value();
  const std::string cookie =
      Post("{\"ticket\": \"" + ticket + "\"}").get_header_value("Set-Cookie");
  const std::string mine = cookie.substr(0, cookie.find(';'));
  EXPECT_EQ(Status("/api/v1/jobs/a/log", mine), 200);
  const auto response = client_->Post(
      "/api/v1/jobs/a/pause", {{"Cookie", mine}}, "{}", "application/json");
  EXPECT_EQ(AnswerOf(response, "pause").status, 403);
  EXPECT_EQ(Post("{}", "application/json", "/api/v1/jobs/a/pause").status, 401);
  EXPECT_EQ(StateOf("a"), JobState::kQueued);
}

// A private service's page: over loopback, in plain HTTP, for a ticket.
class PrivatePageTest : public CoordinatorTest {
 protected:
  PrivatePageTest() {
    auto server = MetricsServer::Start(
        "127.0.0.1:0", &registry_, [] { return std::string(); },
        {.has_session =
             [this](absl::string_view session) {
               return sessions_.IsOpen(session, absl::Now());
             }},
        page_.Routes());
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    page_.Open(coordinator_.get());
    client_ = std::make_unique<httplib::Client>("127.0.0.1",
                                                PortOf(server_->address()));
    client_->set_read_timeout(kPatience);
  }

  ~PrivatePageTest() override { page_.Close(); }

  int Status(const char* path, const std::string& session) {
    httplib::Headers headers;
    if (!session.empty()) headers.emplace("Authorization", "Bearer " + session);
    return AnswerOf(client_->Get(path, headers), path).status;
  }

  PageSessions sessions_{[](absl::string_view) { return true; },
                         [this](absl::string_view) -> std::optional<Identity> {
                           return Identity{.name = "bob", .role = role_};
                         }};
  Role role_ = Role::kAdmin;
  Page page_{&sessions_};
  std::unique_ptr<MetricsServer> server_;
  std::unique_ptr<httplib::Client> client_;
};

TEST_F(PrivatePageTest, ATicketBecomesASessionOfThisPortAlone) {
  ASSERT_TRUE(coordinator_->CreateJob(Spec("a")).ok());
  for (const char* path : {"/", "/dygraph.min.js", "/metrics", "/healthz"}) {
    EXPECT_EQ(Status(path, ""), 200) << path;
  }
  for (const char* path :
       {"/api/v1/overview", "/api/v1/jobs/a", "/api/v1/jobs/a/log",
        "/api/v1/jobs/a/files", "/api/v1/jobs/a/settings"}) {
    EXPECT_EQ(Status(path, ""), 401) << path;
    EXPECT_EQ(Status(path, "x"), 401) << path;
  }
  const std::string ticket = sessions_.NewTicket("", absl::Now()).value();
  const auto login =
      client_->Post("/api/v1/session", "{\"ticket\": \"" + ticket + "\"}",
                    "application/json");
  const httplib::Response answer = AnswerOf(login, "session");
  ASSERT_EQ(answer.status, 200);
  EXPECT_FALSE(answer.has_header("Set-Cookie"));
  const auto session = json::parse(answer.body)["session"].get<std::string>();
  EXPECT_EQ(Status("/api/v1/jobs/a/log", session), 200);
  const httplib::Headers headers = {{"Authorization", "Bearer " + session}};
  const auto act = [&](const char* action) {
    const std::string path = absl::StrCat("/api/v1/jobs/a/", action);
    return AnswerOf(
               client_->Post(path.c_str(), headers, "{}", "application/json"),
               path)
        .status;
  };
  role_ = Role::kRead;
  EXPECT_EQ(act("pause"), 403);
  EXPECT_EQ(StateOf("a"), JobState::kQueued);
  role_ = Role::kSubmit;
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(act("pause"), 200);
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("asked on the page\" action=pause job=a"));
  EXPECT_THAT(log, HasSubstr("token=bob"));
  EXPECT_EQ(StateOf("a"), JobState::kPaused);
}

// Where tokens are asked for on loopback, too, whoever reaches the page looks
// at what the metrics tell, and at nothing more.
TEST_F(PrivatePageTest, APageForLookingShowsNothingMore) {
  Page page(&sessions_, /*anybody_looks=*/true);
  auto server = MetricsServer::Start(
      "127.0.0.1:0", &registry_, [] { return std::string(); }, {},
      page.Routes());
  ASSERT_TRUE(server.ok()) << server.status();
  page.Open(coordinator_.get());
  ASSERT_TRUE(coordinator_->CreateJob(Spec("a")).ok());
  httplib::Client client("127.0.0.1", PortOf((*server)->address()));
  client.set_read_timeout(kPatience);
  const json job = json::parse(
      AnswerOf(client.Get("/api/v1/jobs/a"), "/api/v1/jobs/a").body);
  EXPECT_EQ(job["looks_closely"], false);
  EXPECT_EQ(job["actions"], json::array());
  for (const char* path : {"/api/v1/jobs/a/log", "/api/v1/jobs/a/files",
                           "/api/v1/jobs/a/settings"}) {
    EXPECT_EQ(AnswerOf(client.Get(path), path).status, 403) << path;
  }
  EXPECT_EQ(
      AnswerOf(client.Post("/api/v1/jobs/a/pause", "{}", "application/json"),
               "pause")
          .status,
      403);
  page.Close();
}

TEST_F(ClosedPageTest, ATokenOpensItForPrograms) {
  const auto response =
      client_->Get("/api/v1/overview", {{"Authorization", "Bearer good"}});
  EXPECT_EQ(AnswerOf(response, "/api/v1/overview").status, 200);
}

}  // namespace
}  // namespace halfpipe
