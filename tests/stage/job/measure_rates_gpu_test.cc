#include <gtest/gtest.h>

#include "stage/job/measure_rates.h"
#include "stage/kernels/cuda_runtime.h"

namespace halfpipe {
namespace {

TEST(MeasureRatesTest, AnyCardOfTheseYearsIsWithinTheseBounds) {
  const absl::Status loaded = EnsureCudaLoaded();
  if (!loaded.ok()) GTEST_SKIP() << loaded;
  auto rates = MeasureDeviceRates(at::Device(at::kCUDA, 0));
  ASSERT_TRUE(rates.ok()) << rates.status();
  EXPECT_TRUE(CheckRates(*rates).ok());
  EXPECT_GT(rates->matmul_flops_per_second, 1e13);
  EXPECT_LT(rates->matmul_flops_per_second, 1e16);
  EXPECT_GT(rates->attention_forward_flops_per_second, 1e12);
  EXPECT_GT(rates->attention_backward_flops_per_second, 1e12);
  EXPECT_GT(rates->elementwise_bytes_per_second, 1e11);
  EXPECT_GT(rates->host_to_device_bytes_per_second, 1e9);
  EXPECT_GT(rates->device_to_host_bytes_per_second, 1e9);
  EXPECT_LE(rates->free_bytes, rates->total_bytes);
}

}  // namespace
}  // namespace halfpipe
