#include "coordinator/schedule/retry_policy.h"

#include "common/jobs/failure_notes.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

constexpr absl::Duration kBackoff = absl::Seconds(30);

absl::Status Lost(absl::Status status) {
  MarkDeviceFault(&status);
  return status;
}

TEST(RetryPolicyTest, TheBackOffDoublesUpToAnHour) {
  const absl::Status lost = absl::UnavailableError("stage 1 was lost");
  EXPECT_EQ(RetryDelay(lost, 0, 100, kBackoff), absl::Seconds(30));
  EXPECT_EQ(RetryDelay(lost, 1, 100, kBackoff), absl::Seconds(60));
  EXPECT_EQ(RetryDelay(lost, 2, 100, kBackoff), absl::Seconds(120));
  EXPECT_EQ(RetryDelay(lost, 10, 100, kBackoff), absl::Hours(1));
  EXPECT_EQ(RetryDelay(lost, 99, 100, kBackoff), absl::Hours(1));
}

TEST(RetryPolicyTest, TheLimitEndsIt) {
  const absl::Status lost = absl::UnavailableError("stage 1 was lost");
  EXPECT_EQ(RetryDelay(lost, 0, 0, kBackoff), std::nullopt);
  EXPECT_EQ(RetryDelay(lost, 3, 3, kBackoff), std::nullopt);
}

TEST(RetryPolicyTest, OnlyWhatAnotherTryMayMend) {
  for (const absl::Status& error :
       {absl::UnavailableError("x"), absl::AbortedError("x"),
        absl::DeadlineExceededError("x"),
        Lost(absl::InternalError("Xid 79"))}) {
    EXPECT_TRUE(RetryDelay(error, 0, 1, kBackoff).has_value()) << error;
  }
  for (const absl::Status& error :
       {absl::InvalidArgumentError("x"), absl::NotFoundError("x"),
        absl::PermissionDeniedError("x"), absl::FailedPreconditionError("x"),
        absl::DataLossError("x"), absl::ResourceExhaustedError("x"),
        absl::UnauthenticatedError("x"), absl::InternalError("a bug")}) {
    EXPECT_FALSE(RetryDelay(error, 0, 1, kBackoff).has_value()) << error;
  }
}

}  // namespace
}  // namespace halfpipe
