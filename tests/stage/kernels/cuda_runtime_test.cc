#include "stage/kernels/cuda_runtime.h"

#include <gtest/gtest.h>

namespace halfpipe {
namespace {

// True on every machine: with a GPU it loads, without one it says why not.
TEST(CudaRuntimeTest, LoadsOnceOrExplains) {
  const absl::Status first = EnsureCudaLoaded();
  if (!first.ok()) {
    EXPECT_TRUE(absl::IsFailedPrecondition(first)) << first;
    EXPECT_FALSE(first.message().empty());
  }
  EXPECT_EQ(EnsureCudaLoaded(), first);
}

}  // namespace
}  // namespace halfpipe
