#include "common/auth/connection.h"

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

#include "common/base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "support/test_certificates.h"

namespace halfpipe {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class ConnectionTest : public ::testing::Test {
 protected:
  ConnectionTest() { std::filesystem::create_directories(directory_); }

  std::string TokenFile(const std::string& content, mode_t mode = 0600) {
    std::string path = directory_ + "/token";
    EXPECT_TRUE(WriteFileAtomically(path, content).ok());
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
    return path;
  }

  const std::string directory_ = ::testing::TempDir() + "/connection_test";
};

TEST_F(ConnectionTest, NothingIsAskedForOnThisMachine) {
  const auto none = LoadConnectionSecurity({}, "127.0.0.1:50700");
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_TRUE(none->tls.empty());
  EXPECT_EQ(none->token, "");
}

TEST_F(ConnectionTest, ASocketNeedsNoTls) {
  const auto socket = LoadConnectionSecurity({.tls = {.ca = "/nowhere.crt"}},
                                             "unix:/run/halfpipe");
  ASSERT_TRUE(socket.ok()) << socket.status();
  EXPECT_TRUE(socket->tls.empty());
}

TEST_F(ConnectionTest, TheTokensFileGoesBeforeTheVariable) {
  const auto read = LoadConnectionSecurity(
      {.token_file = TokenFile("hpt_file\n"), .token = "hpt_variable"},
      "unix:/run/halfpipe");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->token, "hpt_file");
}

TEST_F(ConnectionTest, ATokenNeverLeavesTheMachineInTheClear) {
  const auto clear =
      LoadConnectionSecurity({.token = "hpt_secret"}, "gpu-box:50700");
  EXPECT_TRUE(absl::IsInvalidArgument(clear.status()));
  EXPECT_THAT(clear.status().message(),
              AllOf(HasSubstr("gpu-box:50700"), HasSubstr("--ca"),
                    Not(HasSubstr("hpt_secret"))));
  const TestAuthority authority(directory_, "ca");
  const auto safe = LoadConnectionSecurity(
      {.tls = {.ca = authority.ca_file()}, .token = "hpt_secret"},
      "gpu-box:50700");
  EXPECT_TRUE(safe.ok()) << safe.status();
}

TEST_F(ConnectionTest, ACertificateNeedsACa) {
  TlsFiles files = TestAuthority(directory_, "ca").Issue("client");
  files.ca.clear();
  const auto status = LoadConnectionSecurity({.tls = files}, "a:1").status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(status.message(), HasSubstr("--ca"));
}

TEST_F(ConnectionTest, RefusesBadTokenFiles) {
  const auto status = [this](const std::string& content, mode_t mode) {
    return LoadConnectionSecurity({.token_file = TokenFile(content, mode)},
                                  "localhost:1")
        .status();
  };
  EXPECT_THAT(status("hpt_a", 0644).message(), HasSubstr("chmod 640"));
  EXPECT_THAT(status("\n", 0600).message(), HasSubstr("is an empty file"));
  const absl::Status two = status("hpt_a\nhpt_b\n", 0600);
  EXPECT_TRUE(absl::IsInvalidArgument(two));
  EXPECT_THAT(two.message(),
              AllOf(HasSubstr("one word"), Not(HasSubstr("hpt_a"))));
  EXPECT_TRUE(absl::IsInvalidArgument(
      LoadConnectionSecurity({.token_file = directory_ + "/nowhere"}, "a:1")
          .status()));
}

TEST_F(ConnectionTest, ATakenVariableIsGone) {
  setenv("HALFPIPE_TEST_TOKEN", "hpt_secret", 1);
  EXPECT_EQ(TakeEnvironment("HALFPIPE_TEST_TOKEN"), "hpt_secret");
  EXPECT_EQ(std::getenv("HALFPIPE_TEST_TOKEN"), nullptr);
  EXPECT_EQ(TakeEnvironment("HALFPIPE_TEST_TOKEN"), "");
}

}  // namespace
}  // namespace halfpipe
