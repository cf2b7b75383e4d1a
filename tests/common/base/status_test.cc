#include "common/base/status.h"

#include <gtest/gtest.h>

namespace halfpipe {
namespace {

absl::StatusOr<int> Half(int value) {
  if (value % 2 != 0) return absl::InvalidArgumentError("odd");
  return value / 2;
}

absl::StatusOr<int> Quarter(int value) {
  HP_ASSIGN_OR_RETURN(int half, Half(value));
  HP_ASSIGN_OR_RETURN(int quarter, Half(half));
  return quarter;
}

TEST(StatusTest, AssignOrReturnPassesValuesAndErrors) {
  EXPECT_EQ(Quarter(8).value(), 2);
  EXPECT_TRUE(absl::IsInvalidArgument(Quarter(6).status()));
}

TEST(StatusTest, AnnotateKeepsCodeAndPayload) {
  absl::Status status = absl::AbortedError("link");
  status.SetPayload("hint", absl::Cord("rejoin"));
  absl::Status annotated = Annotate(status, "step 4 1B3");
  EXPECT_TRUE(absl::IsAborted(annotated));
  EXPECT_EQ(annotated.message(), "step 4 1B3: link");
  EXPECT_TRUE(annotated.GetPayload("hint").has_value());
  EXPECT_TRUE(Annotate(absl::OkStatus(), "x").ok());
}

TEST(StatusTest, ExitCodesFollowTheContract) {
  EXPECT_EQ(ExitCodeFor(absl::OkStatus()), ExitCode::kOk);
  EXPECT_EQ(ExitCodeFor(absl::InvalidArgumentError("")),
            ExitCode::kInvalidInput);
  EXPECT_EQ(ExitCodeFor(absl::UnavailableError("")), ExitCode::kUnreachable);
  EXPECT_EQ(ExitCodeFor(absl::UnauthenticatedError("")), ExitCode::kRefused);
  EXPECT_EQ(ExitCodeFor(absl::CancelledError("")), ExitCode::kCancelled);
  EXPECT_EQ(ExitCodeFor(absl::InternalError("")), ExitCode::kJobFailed);
}

}  // namespace
}  // namespace halfpipe
