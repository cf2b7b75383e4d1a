#include "stage/gpu/cuda_errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/jobs/failure_notes.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(CudaErrorsTest, CodesSayWhetherAnotherTryMayHelp) {
  EXPECT_TRUE(CudaStatus(cudaSuccess, "f()").ok());
  EXPECT_TRUE(absl::IsResourceExhausted(
      CudaStatus(cudaErrorMemoryAllocation, "cudaMalloc(&p, n)")));
  const absl::Status fault = CudaStatus(cudaErrorIllegalAddress, "f()");
  EXPECT_TRUE(absl::IsInternal(fault));
  EXPECT_THAT(std::string(fault.message()),
              StartsWith("f(): cudaErrorIllegalAddress: "));
  EXPECT_THAT(std::string(fault.message()), HasSubstr("(device "));
}

TEST(CudaErrorsTest, ALostDeviceIsToldFromAWrongCall) {
  for (cudaError_t lost :
       {cudaErrorDevicesUnavailable, cudaErrorECCUncorrectable,
        cudaErrorIllegalAddress, cudaErrorLaunchFailure, cudaErrorUnknown}) {
    EXPECT_TRUE(IsDeviceFault(CudaStatus(lost, "f()"))) << lost;
  }
  EXPECT_FALSE(IsDeviceFault(CudaStatus(cudaErrorInvalidValue, "f()")));
  EXPECT_FALSE(IsDeviceFault(CudaStatus(cudaErrorMemoryAllocation, "f()")));
}

absl::Status Call(cudaError_t error, bool* went_on) {
  HP_CUDA_RETURN_IF_ERROR(error);
  *went_on = true;
  return absl::OkStatus();
}

TEST(CudaErrorsTest, TheMacroReturnsAtTheFirstError) {
  bool went_on = false;
  EXPECT_TRUE(absl::IsInternal(Call(cudaErrorLaunchFailure, &went_on)));
  EXPECT_FALSE(went_on);
  EXPECT_TRUE(Call(cudaSuccess, &went_on).ok());
  EXPECT_TRUE(went_on);
}

}  // namespace
}  // namespace halfpipe
