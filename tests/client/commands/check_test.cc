#include "client/commands/local_job_checks.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

TEST(CheckCommandTest, TheJobFilesProblemsComeFirstAndAllAtOnce) {
  ExpectEveryProblemOfTheJobFile("check");
}

TEST(CheckCommandTest, KeepsTheLogsWhereItIsTold) {
  ExpectLogsWhereItIsTold("check");
}

}  // namespace
}  // namespace halfpipe
