#include "client/commands/command.h"

#include <cstdlib>
#include <memory>
#include <string>

#include "client/client_test_support.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// What a command line connects with.
ConnectionSources SourcesOf(const std::vector<const char*>& arguments) {
  auto seen = std::make_shared<ConnectionSources>();
  CommandEnvironment environment;
  environment.connect = [seen](const TrainingClientOptions& options) {
    *seen = options.security;
    return std::make_unique<FakeTrainingClient>();
  };
  EXPECT_EQ(RunCli(arguments, environment).code, 0);
  return *seen;
}

class ConnectTest : public ::testing::Test {
 protected:
  ConnectTest() { Clear(); }

  ~ConnectTest() override { Clear(); }

  static void Clear() {
    for (const char* name : {"HALFPIPE_CA", "HALFPIPE_CERT", "HALFPIPE_KEY",
                             "HALFPIPE_TOKEN", "HALFPIPE_TOKEN_FILE"}) {
      unsetenv(name);
    }
  }
};

TEST_F(ConnectTest, WithoutKeysThereAreNone) {
  const ConnectionSources sources = SourcesOf({"list"});
  EXPECT_TRUE(sources.tls.empty());
  EXPECT_EQ(sources.token, "");
  EXPECT_EQ(sources.token_file, "");
}

TEST_F(ConnectTest, FlagsGoBeforeVariables) {
  setenv("HALFPIPE_CA", "env-ca", 1);
  setenv("HALFPIPE_CERT", "env-cert", 1);
  setenv("HALFPIPE_KEY", "env-key", 1);
  setenv("HALFPIPE_TOKEN", "env-token", 1);
  setenv("HALFPIPE_TOKEN_FILE", "env-file", 1);
  const ConnectionSources sources =
      SourcesOf({"list", "--ca", "flag-ca", "--token-file", "flag-file"});
  EXPECT_EQ(sources.tls.ca, "flag-ca");
  EXPECT_EQ(sources.tls.certificate, "env-cert");
  EXPECT_EQ(sources.tls.key, "env-key");
  EXPECT_EQ(sources.token_file, "flag-file");
  EXPECT_EQ(sources.token, "env-token");
}

TEST_F(ConnectTest, ATokenIsNoArgumentAndNoDefaultInTheHelp) {
  setenv("HALFPIPE_TOKEN", "hpt_secret", 1);
  EXPECT_EQ(RunCli({"list", "--token", "hpt_secret"}).code, 2);
  const CliResult help = RunCli({"list", "--help"});
  EXPECT_THAT(help.out, HasSubstr("HALFPIPE_TOKEN"));
  EXPECT_THAT(help.out, Not(HasSubstr("hpt_secret")));
}

// The real client: its error is the command's, before anything is sent.
TEST_F(ConnectTest, FilesOfNoUseAreNamed) {
  const CliResult result =
      RunCli({"list", "--address", "gpu-box:1", "--ca", "/nowhere/ca.crt"});
  EXPECT_EQ(result.code, 3);
  EXPECT_THAT(result.err, HasSubstr("/nowhere/ca.crt"));
}

}  // namespace
}  // namespace halfpipe
