#include "stage/kernels/torch_guard.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <new>
#include <stdexcept>

#include "common/jobs/failure_notes.h"

namespace halfpipe {
namespace {

TEST(TorchGuardTest, PassesResultsAndStatuses) {
  EXPECT_TRUE(TorchGuard("x", [] { return absl::OkStatus(); }).ok());
  absl::StatusOr<int> value =
      TorchGuard("x", []() -> absl::StatusOr<int> { return 7; });
  ASSERT_TRUE(value.ok());
  EXPECT_EQ(*value, 7);
  EXPECT_TRUE(absl::IsNotFound(TorchGuard(
      "x", []() -> absl::Status { return absl::NotFoundError("gone"); })));
}

TEST(TorchGuardTest, TurnsExceptionsIntoStatuses) {
  const absl::Status shape = TorchGuard("1F3", []() -> absl::Status {
    at::matmul(at::zeros({2, 3}), at::zeros({2, 3}));
    return absl::OkStatus();
  });
  EXPECT_EQ(shape.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(shape.message().substr(0, 5), "1F3: ");
  EXPECT_EQ(shape.message().find("frame #"), absl::string_view::npos);
  EXPECT_EQ(
      TorchGuard("x", []() -> absl::Status { throw std::bad_alloc(); }).code(),
      absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(TorchGuard("x",
                       []() -> absl::Status {
                         TORCH_CHECK_NOT_IMPLEMENTED(false, "no");
                         return absl::OkStatus();
                       })
                .code(),
            absl::StatusCode::kUnimplemented);
  EXPECT_EQ(
      TorchGuard("x", []() -> absl::Status { throw std::runtime_error("odd"); })
          .message(),
      "x: odd");
}

TEST(TorchGuardTest, OutOfMemoryIsResourceExhausted) {
  const absl::Status status = TorchGuard("x", []() -> absl::Status {
    TORCH_CHECK_WITH(OutOfMemoryError, false, "full");
    return absl::OkStatus();
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
}

TEST(TorchGuardTest, AFullDeviceIsResourceExhaustedWhoeverFindsIt) {
  const absl::Status library = TorchGuard("x", []() -> absl::Status {
    TORCH_CHECK(false,
                "CUDA error: CUBLAS_STATUS_ALLOC_FAILED in cublasCreate");
    return absl::OkStatus();
  });
  EXPECT_EQ(library.code(), absl::StatusCode::kResourceExhausted);
  const absl::Status driver = TorchGuard("x", []() -> absl::Status {
    throw c10::AcceleratorError({"test", __FILE__, __LINE__}, 2,
                                "CUDA error: out of memory");
  });
  EXPECT_EQ(driver.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_FALSE(IsDeviceFault(driver));
}

TEST(TorchGuardTest, HostMemoryThatRunsOutIsNoBug) {
  // More than an address space has.
  const absl::Status status = TorchGuard("load", []() -> absl::Status {
    (void)at::empty({int64_t{1} << 50}, at::kByte);
    return absl::OkStatus();
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_EQ(status.message().substr(0, 24), "load: out of host memory");
}

TEST(TorchGuardTest, ARefusedPinSaysHowMuchWasAskedFor) {
  const absl::Status status = TorchGuard("x", []() -> absl::Status {
    throw PinRefusedError({"test", __FILE__, __LINE__}, "cannot pin", 77);
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(status.message(), "x: cannot pin");
  EXPECT_EQ(PinRefusalOf(status),
            (PinRefusal{.pinned_bytes = 0, .asked_bytes = 77}));
}

TEST(TorchGuardTest, AFailedDeviceIsMarked) {
  const absl::Status fault = TorchGuard("x", []() -> absl::Status {
    throw c10::AcceleratorError({"test", __FILE__, __LINE__}, 719,
                                "CUDA error: unspecified launch failure");
  });
  EXPECT_EQ(fault.code(), absl::StatusCode::kInternal);
  EXPECT_TRUE(IsDeviceFault(fault));
  const absl::Status bug = TorchGuard("x", []() -> absl::Status {
    TORCH_CHECK(false, "sizes differ");
    return absl::OkStatus();
  });
  EXPECT_EQ(bug.code(), absl::StatusCode::kInternal);
  EXPECT_FALSE(IsDeviceFault(bug));
}

TEST(TorchGuardTest, RunsWithoutAutograd) {
  const absl::Status status = TorchGuard("x", []() -> absl::Status {
    return at::GradMode::is_enabled() ? absl::InternalError("autograd is on")
                                      : absl::OkStatus();
  });
  EXPECT_TRUE(status.ok()) << status;
}

}  // namespace
}  // namespace halfpipe
