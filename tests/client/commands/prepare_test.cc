#include "client/commands/local_job_checks.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

TEST(PrepareCommandTest, TheJobFilesProblemsComeFirstAndAllAtOnce) {
  ExpectEveryProblemOfTheJobFile("prepare");
}

TEST(PrepareCommandTest, KeepsTheLogsWhereItIsTold) {
  ExpectLogsWhereItIsTold("prepare");
}

}  // namespace
}  // namespace halfpipe
