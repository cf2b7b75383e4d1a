#include "client/report/rates_table.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(RatesTableTest, HasAColumnForEachGpu) {
  DeviceRates old = MeasuredH200();
  old.name = "NVIDIA A100";
  old.fp8_matmul_flops_per_second = 0.0;
  old.host_to_device_bytes_per_second = 24.5e9;
  EXPECT_THAT(RatesTable({MeasuredH200(), old}),
              AllOf(HasSubstr("GPU 0  NVIDIA H200, 140.4 GiB, 139.7 GiB free"),
                    HasSubstr("GPU 1  NVIDIA A100"),
                    HasSubstr("products in bf16, TFLOP/s         745      745"),
                    HasSubstr("products in fp8, TFLOP/s         1466     none"),
                    HasSubstr("from RAM to it, GB/s               55     24.5"),
                    Not(HasSubstr("other programs"))));
}

TEST(RatesTableTest, ACardThatOthersUseIsSaidToBe) {
  DeviceRates shared = MeasuredH200();
  shared.free_bytes -= int64_t{10} << 30;
  EXPECT_THAT(RatesTable({shared}), HasSubstr("other programs hold 10.7 GiB"));
}

}  // namespace
}  // namespace halfpipe
