#include "stage/gpu/device_facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

TEST(DeviceFactsTest, AGpuThatIsNotThereIsNamedWithTheCount) {
  const int count = GpuCount();
  ASSERT_GE(count, 0);
  for (int index : {-1, count}) {
    const absl::Status status = DescribeGpu(index).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_THAT(std::string(status.message()),
                HasSubstr(absl::StrCat("cuda:", index, " is not there: ", count,
                                       " GPUs")));
  }
}

TEST(DeviceFactsTest, EveryGpuThatIsCountedCanBeDescribed) {
  if (GpuCount() == 0) GTEST_SKIP() << "no GPU";
  for (int index = 0; index < GpuCount(); ++index) {
    auto facts = DescribeGpu(index);
    ASSERT_TRUE(facts.ok()) << facts.status();
    EXPECT_FALSE(facts->name.empty());
    // The form that nvidia-smi -L prints.
    EXPECT_THAT(facts->uuid,
                MatchesRegex("GPU-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"));
    EXPECT_GT(facts->free_bytes, 0);
    EXPECT_LE(facts->free_bytes, facts->total_bytes);
  }
}

}  // namespace
}  // namespace halfpipe
