#include "common/jobs/failure_notes.h"

#include "common/base/status.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

TEST(FailureNotesTest, NotesStayOnAnAnnotatedStatus) {
  absl::Status status = absl::ResourceExhaustedError("refused");
  EXPECT_EQ(PinRefusalOf(status), std::nullopt);
  const PinRefusal refusal = {.pinned_bytes = int64_t{3} << 40,
                              .asked_bytes = 7};
  SetPinRefusal(refusal, &status);
  EXPECT_EQ(PinRefusalOf(Annotate(status, "step 3")), refusal);
  EXPECT_FALSE(IsDeviceFault(status));
  absl::Status fault = absl::InternalError("Xid");
  MarkDeviceFault(&fault);
  EXPECT_TRUE(IsDeviceFault(Annotate(fault, "step 3")));
  EXPECT_EQ(PinRefusalOf(fault), std::nullopt);
}

TEST(FailureNotesTest, AFinePlaceForNotesIsOnlyAFailure) {
  absl::Status fine;
  MarkDeviceFault(&fine);
  SetPinRefusal({}, &fine);
  EXPECT_FALSE(IsDeviceFault(fine));
  EXPECT_EQ(PinRefusalOf(fine), std::nullopt);
}

}  // namespace
}  // namespace halfpipe
