#include <string>

#include "client/client_test_support.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(ManualCommandTest, HasEveryCommandButItself) {
  const CliResult result = RunCli({"manual"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr(".TH HALFPIPE 1"));
  EXPECT_THAT(result.out, HasSubstr(".SS halfpipe run [OPTIONS] JOB.yaml\n"));
  EXPECT_THAT(result.out, HasSubstr("HALFPIPE_TOKEN_FILE"));
  EXPECT_THAT(result.out, HasSubstr("\\fB130\\fR"));
  EXPECT_THAT(result.out, Not(HasSubstr(".SS halfpipe manual")));
  EXPECT_THAT(RunCli({"--help"}).out, Not(HasSubstr("manual")));
}

}  // namespace
}  // namespace halfpipe
