#include <atomic>
#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/metrics/metrics_registry.h"
#include "common/metrics/metrics_server.h"
#include "coordinator/api/commands.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "support/test_certificates.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

// Holds the token "good", for its owner alone.
std::string MakeTokenFile(const std::string& directory) {
  const std::string path = directory + "/token";
  std::ofstream(path) << "good\n";
  std::filesystem::permissions(path, std::filesystem::perms::owner_read |
                                         std::filesystem::perms::owner_write);
  return path;
}

TEST(HealthCheckTest, AsksOnLoopback) {
  MetricsRegistry registry;
  std::string problem;
  std::string address;
  {
    auto server = MetricsServer::Start("127.0.0.1:0", &registry,
                                       [&problem] { return problem; });
    ASSERT_TRUE(server.ok()) << server.status();
    address = (*server)->address();
    EXPECT_EQ(CheckHealth({address}), absl::OkStatus());
    EXPECT_EQ(RunHealthCheck("test", {address}), 0);

    problem = "starting";
    const absl::Status status = CheckHealth({address});
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    EXPECT_THAT(status.message(), HasSubstr("starting"));
    ::testing::internal::CaptureStderr();
    EXPECT_EQ(RunHealthCheck("test", {address}), 1);
    EXPECT_THAT(::testing::internal::GetCapturedStderr(),
                ::testing::StartsWith("test: http://127.0.0.1:"));
  }
  const absl::Status gone = CheckHealth({address});
  EXPECT_EQ(gone.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(gone.message(), HasSubstr("does not answer"));
}

TEST(HealthCheckTest, RefusesAddressesThatNameNoServer) {
  for (const char* address : {"127.0.0.1:0", "127.0.0.1", ""}) {
    EXPECT_EQ(CheckHealth({address}).code(), absl::StatusCode::kInvalidArgument)
        << address;
  }
}

// A server on every address speaks HTTPS and wants a token; it is asked on
// loopback, whatever its certificate is called.
TEST(HealthCheckTest, AsksByHttpsWithAToken) {
  const std::string directory = ::testing::TempDir() + "/health_check_test";
  std::filesystem::create_directories(directory);
  const TestAuthority authority(directory, "ca");
  const TlsFiles files = authority.Issue("metrics");
  MetricsRegistry registry;
  auto server = MetricsServer::Start(
      "0.0.0.0:0", &registry, [] { return std::string(); },
      {.certificate = files.certificate,
       .key = files.key,
       .may_read = [](absl::string_view token) { return token == "good"; }});
  ASSERT_TRUE(server.ok()) << server.status();
  const std::string address = (*server)->address();
  ASSERT_TRUE(absl::StartsWith(address, "0.0.0.0:"));

  ::testing::internal::CaptureStderr();
  const absl::Status status = CheckHealth({address});
  ::testing::internal::GetCapturedStderr();  // the server's log
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(status.message(), HasSubstr("--token-file"));

  const std::string token_file = MakeTokenFile(directory);
  EXPECT_EQ(CheckHealth({address, token_file, files.certificate}),
            absl::OkStatus());
  EXPECT_EQ(CheckHealth({address, directory + "/none"}).code(),
            absl::StatusCode::kInvalidArgument);
  // To whom? Nothing says who that is.
  EXPECT_EQ(CheckHealth({address, token_file}).code(),
            absl::StatusCode::kInvalidArgument);
}

// Whoever took the port while the service was away hears no token.
TEST(HealthCheckTest, SendsNoTokenToAnotherCertificate) {
  const std::string directory = ::testing::TempDir() + "/health_check_other";
  std::filesystem::create_directories(directory);
  const TestAuthority authority(directory, "ca");
  const TestAuthority stranger(directory, "stranger");
  const TlsFiles ours = authority.Issue("metrics");
  const std::string token_file = MakeTokenFile(directory);

  // Our own, another one of its name ("localhost") without and with word of who
  // signed it, and a stranger's.
  const struct {
    TlsFiles shown;
    std::string ca;
    bool is_known;
  } cases[] = {{ours, "", true},
               {authority.Issue("other"), "", false},
               {authority.Issue("other"), authority.ca_file(), true},
               {stranger.Issue("metrics"), authority.ca_file(), false},
               {stranger.Issue("metrics"), "", false}};

  for (const auto& [shown, ca, is_known] : cases) {
    MetricsRegistry registry;
    std::atomic<int> tokens = 0;
    auto server = MetricsServer::Start(
        "0.0.0.0:0", &registry, [] { return std::string(); },
        {.certificate = shown.certificate,
         .key = shown.key,
         .may_read = [&tokens](absl::string_view token) {
           tokens += token.empty() ? 0 : 1;
           return true;
         }});
    ASSERT_TRUE(server.ok()) << server.status();
    const absl::Status status =
        CheckHealth({(*server)->address(), token_file, ours.certificate, ca});
    EXPECT_EQ(status.ok(), is_known) << status;
    EXPECT_EQ(tokens, is_known ? 1 : 0);
    if (!is_known) {
      EXPECT_THAT(status.message(), HasSubstr("certificate"));
    }
  }
}

// A service reads its certificate at start: the file may be a newer one.
TEST(HealthCheckTest, KnowsARenewedCertificateByWhoSignedIt) {
  const std::string directory = ::testing::TempDir() + "/health_check_renewed";
  std::filesystem::create_directories(directory);
  const TestAuthority authority(directory, "ca");
  const TlsFiles ours = authority.Issue("metrics");
  const std::string token_file = MakeTokenFile(directory);
  MetricsRegistry registry;
  auto server = MetricsServer::Start(
      "0.0.0.0:0", &registry, [] { return std::string(); },
      {.certificate = ours.certificate,
       .key = ours.key,
       .may_read = [](absl::string_view token) { return token == "good"; }});
  ASSERT_TRUE(server.ok()) << server.status();
  const TlsFiles renewed = authority.Issue("metrics");  // replaces the files
  const std::string address = (*server)->address();
  EXPECT_FALSE(CheckHealth({address, token_file, renewed.certificate}).ok());
  EXPECT_EQ(CheckHealth({address, token_file, renewed.certificate,
                         authority.ca_file()}),
            absl::OkStatus());
}

}  // namespace
}  // namespace halfpipe
