// What holds with and without a GPU in the machine.
#include "stage/job/device.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

TEST(DeviceTest, TheCpuIsAlwaysThere) {
  auto device = SelectDevice("cpu", Rank(1));
  ASSERT_TRUE(device.ok()) << device.status();
  EXPECT_TRUE(device->is_cpu());
  auto facts = DescribeDevice(*device);
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_EQ(facts->name, "CPU");
  EXPECT_EQ(facts->uuid, "");
  EXPECT_TRUE(SelectDevice("auto", Rank(0)).ok());
}

TEST(DeviceTest, OtherWordsAreRefused) {
  for (const char* name : {"", "gpu", "cuda:", "cuda:x", "cuda:-1", "cuda0",
                           "cuda:256", "cuda:9999999999", "CPU"}) {
    const absl::Status status = SelectDevice(name, Rank(0)).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << name << ": " << status;
    EXPECT_THAT(std::string(status.message()),
                HasSubstr(absl::StrCat("device '", name, "'")));
  }
}

TEST(DeviceTest, AGpuThatIsNotThereIsAFailedPrecondition) {
  EXPECT_TRUE(
      absl::IsFailedPrecondition(SelectDevice("cuda:99", Rank(0)).status()));
}

TEST(DeviceTest, ArithmeticIsExactOnAsManyThreadsAsAsked) {
  SetExactArithmetic(2);
  EXPECT_EQ(at::get_num_threads(), 2);
  SetExactArithmetic(1);
  EXPECT_EQ(at::get_num_threads(), 1);
  EXPECT_FALSE(at::globalContext().allowTF32CuBLAS());
  EXPECT_FALSE(at::globalContext().allowTF32CuDNN());
}

}  // namespace
}  // namespace halfpipe
