#include "common/rpc/status_conversion.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

TEST(FailureConversionTest, EveryKindAndRemedyIsTheSameNumberOnBothSides) {
  for (int kind = v1::FailureKind_MIN; kind <= v1::FailureKind_MAX; ++kind) {
    const Failure failure = {.kind = static_cast<FailureKind>(kind),
                             .remedy = Remedy::kEndJob};
    EXPECT_EQ(FailureKindName(failure.kind) == "unknown", kind == 0) << kind;
    EXPECT_EQ(ToProto(failure).kind(), kind);
    EXPECT_EQ(FromProto(ToProto(failure)), failure);
  }
  EXPECT_EQ(v1::FailureKind_MAX, static_cast<int>(FailureKind::kInternal));
  EXPECT_EQ(v1::Remedy_MAX, static_cast<int>(Remedy::kTryAnotherPair));
  EXPECT_EQ(v1::StageWork_MAX, static_cast<int>(StageWork::kValidating));
}

TEST(FailureConversionTest, AStageIsKept) {
  const Failure failure = {.kind = FailureKind::kDiskFull,
                           .remedy = Remedy::kWaitForDisk,
                           .stage = 0};
  EXPECT_EQ(FromProto(ToProto(failure)), failure);
}

TEST(FailureConversionTest, NumbersOfAnotherVersionAreUnknown) {
  v1::Failure message;
  message.set_kind(static_cast<v1::FailureKind>(999));
  message.set_remedy(static_cast<v1::Remedy>(999));
  EXPECT_EQ(FromProto(message), Failure());
  EXPECT_EQ(FromProto(static_cast<v1::StageWork>(999)), StageWork::kUnknown);
}

}  // namespace
}  // namespace halfpipe
