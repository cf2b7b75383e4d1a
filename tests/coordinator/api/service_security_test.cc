#include "coordinator/api/service_security.h"

#include <filesystem>

#include "absl/time/clock.h"
#include "common/base/digest.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "support/test_certificates.h"

namespace halfpipe {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class ServiceSecurityTest : public ::testing::Test {
 protected:
  ServiceSecurityTest()
      : directory_(NewDirectory()), authority_(directory_, "ca") {
    const TlsFiles files = authority_.Issue("server");
    complete_.listen_address = "0.0.0.0:50700";
    complete_.metrics_address = "0.0.0.0:9700";
    complete_.tls = {.certificate = files.certificate,
                     .key = files.key,
                     .client_ca = files.ca};
    complete_.tokens = directory_ + "/tokens";
    token_ = *AddToken(complete_.tokens, {"alice", Role::kRead});
    stage_token_ = *AddToken(complete_.tokens, {"gpu0", Role::kStage});
    complete_.roots = {
        .data = {"/data"}, .models = {"/models"}, .outputs = {"/out"}};
  }

  static std::string NewDirectory() {
    std::string path = ::testing::TempDir() + "/service_security_test";
    std::filesystem::remove_all(path);
    std::filesystem::create_directories(path);
    return path;
  }

  static std::string Problem(const ServiceConfig& config) {
    const auto opened = OpenServiceSecurity(config);
    return opened.ok() ? "none" : std::string(opened.status().message());
  }

  const std::string directory_;
  const TestAuthority authority_;
  ServiceConfig complete_;
  std::string token_;
  std::string stage_token_;
};

TEST_F(ServiceSecurityTest, TheDefaultIsOpenOnThisMachine) {
  const auto opened = OpenServiceSecurity(ServiceConfig());
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->tokens, nullptr);
  EXPECT_EQ(opened->ForMetrics("127.0.0.1:0").may_read, nullptr);
}

TEST_F(ServiceSecurityTest, ThePageHasSessionsWhereOthersReachIt) {
  const auto opened = OpenServiceSecurity(complete_);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->SessionsAt(""), nullptr);
  EXPECT_EQ(opened->SessionsAt("127.0.0.1:9700"), nullptr);
  PageSessions* const sessions = opened->SessionsAt("0.0.0.0:9700");
  ASSERT_NE(sessions, nullptr);
  const MetricsSecurity security = opened->ForMetrics("0.0.0.0:9700");
  const absl::Time now = absl::Now();
  const auto open = [&](const std::string& token) {
    return sessions->Exchange(
        sessions->NewTicket(Sha256Hex(token), now).value(), now);
  };
  const auto session = open(token_);
  ASSERT_TRUE(session.ok()) << session.status();
  EXPECT_TRUE(security.has_session(*session));
  EXPECT_FALSE(security.has_session(token_));
  EXPECT_FALSE(open(stage_token_).ok());
  EXPECT_FALSE(open("hpt_bob").ok());
  // Another token of the same name is not the one that opened the session.
  ASSERT_TRUE(RemoveToken(complete_.tokens, "alice").ok());
  ASSERT_TRUE(AddToken(complete_.tokens, {"alice", Role::kRead}).ok());
  ASSERT_TRUE(opened->tokens->Reload().ok());
  EXPECT_FALSE(security.has_session(*session));
}

// Who may call the service is decided elsewhere than who reaches its page.
TEST_F(ServiceSecurityTest, APrivateServicesPageAsksForASession) {
  ServiceConfig config;
  config.listen_address = "unix:/run/halfpipe.sock";
  const auto opened = OpenServiceSecurity(config);
  ASSERT_TRUE(opened.ok()) << opened.status();
  PageSessions* const sessions = opened->SessionsAt("127.0.0.1:9707");
  ASSERT_NE(sessions, nullptr);
  const MetricsSecurity security = opened->ForMetrics("127.0.0.1:9707");
  EXPECT_EQ(security.may_read, nullptr);  // metrics are for everybody here
  ASSERT_NE(security.has_session, nullptr);
  const absl::Time now = absl::Now();
  const std::string session =
      sessions->Exchange(sessions->NewTicket("", now).value(), now).value();
  EXPECT_TRUE(security.has_session(session));
  EXPECT_EQ(sessions->OwnerOf(session, now)->role, Role::kAdmin);
}

TEST_F(ServiceSecurityTest, OnLoopbackASessionSaysWhoActs) {
  ServiceConfig config = complete_;
  config.listen_address = "127.0.0.1:50700";
  config.metrics_address = "127.0.0.1:9700";
  const auto opened = OpenServiceSecurity(config);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->SessionsAt(config.metrics_address), nullptr);
  ASSERT_NE(opened->sessions, nullptr);
  const absl::Time now = absl::Now();
  const std::string session =
      opened->sessions
          ->Exchange(
              opened->sessions->NewTicket(Sha256Hex(token_), now).value(), now)
          .value();
  EXPECT_EQ(opened->sessions->OwnerOf(session, now)->name, "alice");
  EXPECT_EQ(opened->sessions->OwnerOf(session, now)->role, Role::kRead);
}

TEST_F(ServiceSecurityTest, TokensThatCannotBeReadAreAProblem) {
  const auto opened = OpenServiceSecurity(complete_);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->TokensProblem(), "");
  EXPECT_EQ(OpenServiceSecurity(ServiceConfig())->TokensProblem(), "");
  std::filesystem::remove(complete_.tokens);
  EXPECT_FALSE(opened->tokens->Reload().ok());
  EXPECT_THAT(opened->TokensProblem(), HasSubstr(complete_.tokens));
}

TEST_F(ServiceSecurityTest, OtherAddressesNeedEverything) {
  EXPECT_EQ(Problem(complete_), "none");
  ServiceConfig config = complete_;
  config.tls = {};
  EXPECT_THAT(Problem(config), HasSubstr("set tls.certificate and tls.key"));
  config = complete_;
  config.tokens.clear();
  EXPECT_THAT(Problem(config), HasSubstr("set tokens"));
  config = complete_;
  config.roots = {};
  EXPECT_THAT(Problem(config), HasSubstr("roots.data"));
  // The metrics alone, too.
  config = ServiceConfig();
  config.metrics_address = "0.0.0.0:9700";
  EXPECT_THAT(Problem(config),
              AllOf(HasSubstr("metrics_address"), HasSubstr("tokens")));
}

TEST_F(ServiceSecurityTest, FilesOfNoUseAreNamed) {
  ServiceConfig config = complete_;
  const TlsFiles old = authority_.Issue("old", absl::Now() - absl::Minutes(1));
  config.tls.certificate = old.certificate;
  config.tls.key = old.key;
  EXPECT_THAT(Problem(config),
              AllOf(HasSubstr(old.certificate), HasSubstr("has expired")));
  config = complete_;
  config.tokens = directory_ + "/none";
  EXPECT_THAT(Problem(config), HasSubstr("token add"));
  config = ServiceConfig();
  config.tls.client_ca = authority_.ca_file();
  EXPECT_THAT(Problem(config), HasSubstr("without tls.certificate"));
}

TEST_F(ServiceSecurityTest, MetricsAreForPeople) {
  const auto opened = OpenServiceSecurity(complete_);
  ASSERT_TRUE(opened.ok()) << opened.status();
  const MetricsSecurity metrics = opened->ForMetrics("0.0.0.0:9700");
  EXPECT_EQ(metrics.certificate, complete_.tls.certificate);
  ASSERT_NE(metrics.may_read, nullptr);
  EXPECT_TRUE(metrics.may_read(token_));
  EXPECT_FALSE(metrics.may_read(stage_token_));
  EXPECT_FALSE(metrics.may_read("hpt_other"));
}

}  // namespace
}  // namespace halfpipe
