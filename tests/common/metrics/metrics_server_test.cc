#include "common/metrics/metrics_server.h"

#include <httplib.h>

#include <filesystem>

#include "absl/strings/numbers.h"
#include "coordinator/schedule/coordinator_metrics.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "support/raw_client.h"
#include "support/test_certificates.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

int PortOf(const std::string& address) {
  int port = 0;
  EXPECT_TRUE(absl::SimpleAtoi(address.substr(address.rfind(':') + 1), &port));
  return port;
}

TEST(MetricsServerTest, ServesMetricsAndHealth) {
  MetricsRegistry registry;
  CoordinatorMetrics metrics(&registry);
  metrics.OnRestart("link");
  std::string problem;
  auto server = MetricsServer::Start("127.0.0.1:0", &registry,
                                     [&problem] { return problem; });
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_NE(PortOf((*server)->address()), 0);

  httplib::Client client("127.0.0.1", PortOf((*server)->address()));
  auto response = client.Get("/metrics");
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 200);
  EXPECT_THAT(response->get_header_value("Content-Type"),
              HasSubstr("version=0.0.4"));
  EXPECT_THAT(response->body,
              HasSubstr("halfpipe_job_restarts_total{reason=\"link\"} 1\n"));

  response = client.Get("/healthz");
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 200);
  problem = "the database is full";
  response = client.Get("/healthz");
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 503);
  EXPECT_THAT(response->body, HasSubstr("full"));
  EXPECT_EQ(client.Get("/other")->status, 404);
}

TEST(MetricsServerTest, HttpsAndTokensKeepStrangersOut) {
  const std::string directory = ::testing::TempDir() + "/metrics_server_test";
  std::filesystem::create_directories(directory);
  const TestAuthority authority(directory, "ca");
  const TlsFiles files = authority.Issue("metrics");
  MetricsRegistry registry;
  auto server = MetricsServer::Start(
      "127.0.0.1:0", &registry, [] { return std::string(); },
      {.certificate = files.certificate,
       .key = files.key,
       .may_read = [](absl::string_view token) { return token == "good"; }});
  ASSERT_TRUE(server.ok()) << server.status();
  const int port = PortOf((*server)->address());
  httplib::SSLClient client("localhost", port);
  client.set_ca_cert_path(files.ca.c_str());
  client.enable_server_certificate_verification(true);
  // The status of a GET with this header.
  const auto get = [&client](const char* path, const std::string& header) {
    httplib::Headers headers;
    if (!header.empty()) headers.emplace("Authorization", header);
    const auto response = client.Get(path, headers);
    return response ? response->status : -1;
  };
  ::testing::internal::CaptureStderr();
  for (const char* path : {"/metrics", "/healthz", "/other"}) {
    EXPECT_EQ(get(path, ""), 401) << path;
    EXPECT_EQ(get(path, "Bearer secret"), 401) << path;
    EXPECT_EQ(get(path, "good"), 401) << path;
  }
  EXPECT_FALSE(httplib::Client("127.0.0.1", port).Get("/metrics"));  // plain
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("msg=\"call refused\" method=/metrics"));
  EXPECT_THAT(log, HasSubstr("peer=127.0.0.1"));
  EXPECT_THAT(log, ::testing::Not(HasSubstr("secret")));
  EXPECT_EQ(get("/metrics", "Bearer good"), 200);
  EXPECT_EQ(get("/healthz", "Bearer good"), 200);
}

// Without a token, of HTTPS too: the handshake is bounded as requests are.
TEST(MetricsServerTest, SilentHandshakesKeepNobodyOut) {
  const std::string directory = ::testing::TempDir() + "/metrics_server_test";
  std::filesystem::create_directories(directory);
  const TestAuthority authority(directory, "ca");
  const TlsFiles files = authority.Issue("metrics");
  MetricsRegistry registry;
  auto server = MetricsServer::Start(
      "127.0.0.1:0", &registry, [] { return std::string(); },
      {.certificate = files.certificate,
       .key = files.key,
       .may_read = [](absl::string_view token) { return token == "good"; }});
  ASSERT_TRUE(server.ok()) << server.status();
  std::vector<RawClient> silent;
  for (int i = 0; i < 600; ++i) {
    silent.emplace_back((*server)->address());
    if (i % 2 == 0) (void)silent.back().Send("\x16\x03\x01\x02");
  }
  httplib::SSLClient client("localhost", PortOf((*server)->address()));
  client.set_ca_cert_path(files.ca.c_str());
  client.enable_server_certificate_verification(true);
  const auto health =
      client.Get("/healthz", {{"Authorization", "Bearer good"}});
  ASSERT_TRUE(health);
  EXPECT_EQ(health->status, 200);
}

// Old protocols are refused, whatever the system's defaults.
TEST(MetricsServerTest, OldTlsIsRefused) {
  const std::string directory = ::testing::TempDir() + "/metrics_server_test";
  std::filesystem::create_directories(directory);
  const TlsFiles files = TestAuthority(directory, "ca").Issue("metrics");
  MetricsRegistry registry;
  auto server = MetricsServer::Start(
      "127.0.0.1:0", &registry, [] { return std::string(); },
      {.certificate = files.certificate, .key = files.key});
  ASSERT_TRUE(server.ok()) << server.status();
  for (const int version : {TLS1_1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION}) {
    httplib::SSLClient client("localhost", PortOf((*server)->address()));
    client.enable_server_certificate_verification(false);
    SSL_CTX_set_min_proto_version(client.ssl_context(), version);
    SSL_CTX_set_max_proto_version(client.ssl_context(), version);
    SSL_CTX_set_security_level(client.ssl_context(), 0);
    EXPECT_EQ(static_cast<bool>(client.Get("/healthz")),
              version != TLS1_1_VERSION)
        << version;
  }
}

TEST(MetricsServerTest, ABadCertificateIsNamed) {
  MetricsRegistry registry;
  const auto server = MetricsServer::Start(
      "127.0.0.1:0", &registry, [] { return std::string(); },
      {.certificate = "/nowhere.crt", .key = "/nowhere.key"});
  EXPECT_EQ(server.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(server.status().message(), HasSubstr("/nowhere.crt"));
}

TEST(MetricsServerTest, APortInUseIsNamed) {
  MetricsRegistry registry;
  auto first = MetricsServer::Start("127.0.0.1:0", &registry);
  ASSERT_TRUE(first.ok()) << first.status();
  auto second = MetricsServer::Start((*first)->address(), &registry);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(second.status().message(), HasSubstr((*first)->address()));
}

TEST(MetricsServerTest, OrAnotherPortIsTaken) {
  MetricsRegistry registry;
  const auto start = [&registry](const std::string& address) {
    return MetricsServer::Start(
        address, &registry, [] { return std::string(); }, {}, {},
        /*any_port=*/true);
  };
  const auto first = start("127.0.0.1:0");
  ASSERT_TRUE(first.ok()) << first.status();
  const std::string wanted = (*first)->address();
  const auto second = start(wanted);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_THAT((*second)->address(), HasSubstr("127.0.0.1:"));
  EXPECT_NE((*second)->address(), wanted);
}

TEST(MetricsServerTest, AnAddressThatIsNone) {
  MetricsRegistry registry;
  for (const char* address : {"9470", ":9470", "127.0.0.1:", "a:99999"}) {
    EXPECT_EQ(MetricsServer::Start(address, &registry).status().code(),
              absl::StatusCode::kInvalidArgument)
        << address;
  }
}

TEST(MetricsServerTest, StopsAtOnce) {
  MetricsRegistry registry;
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(MetricsServer::Start("127.0.0.1:0", &registry).ok());
  }
}

}  // namespace
}  // namespace halfpipe
