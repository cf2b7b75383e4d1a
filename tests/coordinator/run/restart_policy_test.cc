#include "coordinator/run/restart_policy.h"

#include "common/jobs/failure_notes.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

TEST(RestartPolicyTest, GivesUpAfterTheLimitAndGrowsBefore) {
  RestartPolicy policy(3);
  EXPECT_EQ(policy.NextDelay(), absl::ZeroDuration());
  EXPECT_EQ(policy.NextDelay(), absl::Seconds(1));
  EXPECT_EQ(policy.NextDelay(), absl::Seconds(2));
  EXPECT_EQ(policy.NextDelay(), std::nullopt);
}

TEST(RestartPolicyTest, OnlyProgressBeyondTheBestForgives) {
  RestartPolicy policy(2);
  policy.OnProgress(7);
  EXPECT_TRUE(policy.NextDelay().has_value());
  policy.OnProgress(5);  // steps that were done before
  policy.OnProgress(7);
  EXPECT_TRUE(policy.NextDelay().has_value());
  EXPECT_FALSE(policy.NextDelay().has_value());
  policy.OnProgress(8);
  EXPECT_EQ(policy.NextDelay(), absl::ZeroDuration());
}

TEST(RestartPolicyTest, TheDelayIsBounded) {
  RestartPolicy policy(100);
  for (int i = 0; i < 100; ++i) {
    EXPECT_LE(policy.NextDelay().value(), absl::Seconds(30));
  }
}

TEST(RestartPolicyTest, WhichFailuresAreWorthARestart) {
  EXPECT_TRUE(IsWorthRestart(absl::UnavailableError("")));
  EXPECT_TRUE(IsWorthRestart(absl::AbortedError("")));
  EXPECT_TRUE(IsWorthRestart(absl::DeadlineExceededError("")));
  EXPECT_TRUE(IsWorthRestart(absl::CancelledError("")));
  for (const absl::Status& status :
       {absl::InvalidArgumentError(""), absl::NotFoundError(""),
        absl::FailedPreconditionError(""), absl::DataLossError(""),
        absl::ResourceExhaustedError(""), absl::InternalError("")}) {
    EXPECT_FALSE(IsWorthRestart(status)) << status;
  }
  absl::Status fault = absl::InternalError("Xid");
  MarkDeviceFault(&fault);
  EXPECT_TRUE(IsWorthRestart(fault));
}

}  // namespace
}  // namespace halfpipe
