#include "common/base/failure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "common/base/status.h"

namespace halfpipe {
namespace {

TEST(FailureTest, SurvivesAnAnnotation) {
  const Failure failure = {.kind = FailureKind::kPinRefused,
                           .remedy = Remedy::kPinLess,
                           .stage = 1,
                           .pin = PinRefusal{int64_t{3} << 40, 7},
                           .restart_environment = {"A=1", "B=x y=z"}};
  absl::Status status = absl::ResourceExhaustedError("cannot pin");
  SetFailure(failure, &status);
  EXPECT_EQ(FailureOf(Annotate(status, "stage 1, step 3")), failure);
}

TEST(FailureTest, AnOkStatusCarriesNone) {
  absl::Status fine;
  MarkFailure(FailureKind::kDiskFull, &fine);
  EXPECT_EQ(FailureOf(fine), std::nullopt);
  EXPECT_EQ(DescribeFailure(fine), Failure());
  EXPECT_TRUE(Described(absl::OkStatus(), 1).ok());
}

TEST(FailureTest, ACodeSaysWhatAMarkDoesNot) {
  const absl::Status lost = absl::UnavailableError("away");
  EXPECT_EQ(FailureOf(lost), std::nullopt);
  EXPECT_FALSE(IsMarked(lost, FailureKind::kStageLost));
  EXPECT_EQ(DescribeFailure(lost).kind, FailureKind::kStageLost);
  EXPECT_EQ(DescribeFailure(lost).remedy, Remedy::kFormAgain);
  const Failure bug = DescribeFailure(absl::InternalError("bug"));
  EXPECT_EQ(bug.kind, FailureKind::kInternal);
  EXPECT_EQ(bug.remedy, Remedy::kEndJob);
}

TEST(FailureTest, AMarkOverridesTheCodeAndKeepsTheStage) {
  absl::Status status = Described(absl::InternalError("Xid 79"), 1);
  MarkFailure(FailureKind::kDeviceFault, &status);
  EXPECT_EQ(DescribeFailure(status), (Failure{.kind = FailureKind::kDeviceFault,
                                              .remedy = Remedy::kFormAgain,
                                              .stage = 1}));
}

TEST(FailureTest, TheFirstStageIsKept) {
  const absl::Status status = Described(absl::AbortedError("closed"), 0);
  EXPECT_EQ(FailureOf(Described(status, 1))->stage, 0);
}

TEST(FailureTest, NcclsRemedyIsItsCodes) {
  absl::Status broken = absl::InternalError("a fault of CUDA");
  MarkFailure(FailureKind::kNccl, &broken);
  EXPECT_EQ(FailureOf(broken)->remedy, Remedy::kEndJob);
  absl::Status closed = absl::AbortedError("a peer went away");
  MarkFailure(FailureKind::kNccl, &closed);
  EXPECT_EQ(FailureOf(closed)->remedy, Remedy::kFormAgain);
}

TEST(FailureTest, EveryKindAndRemedyHasANameOfItsOwn) {
  std::set<std::string> names;
  for (int kind = 0; kind <= static_cast<int>(FailureKind::kInternal); ++kind) {
    const auto value = static_cast<FailureKind>(kind);
    names.emplace(FailureKindName(value));
    EXPECT_EQ(ParseFailureKind(FailureKindName(value)), value);
  }
  EXPECT_EQ(names.size(), 20u);
  names.clear();
  for (int remedy = 0; remedy <= static_cast<int>(Remedy::kTryAnotherPair);
       ++remedy) {
    const auto value = static_cast<Remedy>(remedy);
    names.emplace(RemedyName(value));
    EXPECT_EQ(ParseRemedy(RemedyName(value)), value);
  }
  EXPECT_EQ(names.size(), 8u);
  EXPECT_EQ(FailureKindName(static_cast<FailureKind>(99)), "unknown");
  EXPECT_EQ(ParseFailureKind("of the future"), FailureKind::kUnknown);
}

}  // namespace
}  // namespace halfpipe
