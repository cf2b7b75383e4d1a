#include <string>

#include "client/client_test_support.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(CompletionCommandTest, EachShellLearnsEveryCommand) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const CliResult result = RunCli({"completion", shell});
    EXPECT_EQ(result.code, 0) << result.err;
    for (const char* word : {"run", "convert", "doctor", "fp8_compute"}) {
      EXPECT_THAT(result.out, HasSubstr(word)) << shell;
    }
    EXPECT_THAT(result.out, Not(HasSubstr("manual"))) << shell;
  }
}

TEST(CompletionCommandTest, AnotherShellIsAUsageError) {
  const CliResult result = RunCli({"completion", "tcsh"});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr("tcsh"));
}

}  // namespace
}  // namespace halfpipe
