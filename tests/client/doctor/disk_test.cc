#include "client/doctor/checks.h"
#include "common/store/scratch_folder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

TEST(DiskTest, MeasuresAndLeavesNothing) {
  const ScratchFolder scratch;
  const Finding finding = CheckDisk(scratch.path(), int64_t{9} << 20);
  EXPECT_NE(finding.verdict, Verdict::kFail) << finding.found;
  EXPECT_THAT(finding.found, HasSubstr("MB/s written and synced"));
  EXPECT_THAT(finding.found, HasSubstr("free"));
  EXPECT_EQ(scratch.Count(), 0);
}

TEST(DiskTest, AFolderThatIsNotThereFails) {
  const Finding finding = CheckDisk("/nowhere/at/all", 1 << 20);
  EXPECT_EQ(finding.verdict, Verdict::kFail);
  EXPECT_THAT(finding.found, HasSubstr("/nowhere/at/all cannot be written"));
  EXPECT_THAT(finding.advice, HasSubstr("--disk"));
}

}  // namespace
}  // namespace halfpipe
