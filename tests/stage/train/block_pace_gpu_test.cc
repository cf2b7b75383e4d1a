// How far a host gets ahead of a device, and how soon it hears of a stop.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <stop_token>

#include "absl/time/clock.h"
#include "stage/kernels/cuda_runtime.h"
#include "stage/train/block_pace.h"
#include "stage/train/compute_stream.h"

namespace halfpipe {
namespace {

class BlockPaceGpuTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const absl::Status gpu = EnsureCudaLoaded(); !gpu.ok()) {
      GTEST_SKIP() << gpu;
    }
    matrix_ = at::ones(
        {8192, 8192}, at::TensorOptions().device(device_).dtype(at::kBFloat16));
    out_ = at::empty_like(matrix_);
    Enqueue(1);
    ASSERT_TRUE(SynchronizeCompute(device_).ok());
  }

  // A block: `products` of 1.6 ms or more of the device, hardly any of the
  // host.
  void Enqueue(int products) {
    for (int i = 0; i < products; ++i) at::mm_out(out_, matrix_, matrix_);
  }

  struct Lead {
    double blocks = 0.0;
    double seconds = 0.0;
  };

  // How far the host is ahead when it has enqueued its last block.
  Lead LeadAfter(int blocks, int products) {
    BlockPace pace(device_);
    const absl::Time begin = absl::Now();
    for (int i = 0; i < blocks; ++i) {
      EXPECT_TRUE(pace.Next().ok());
      Enqueue(products);
    }
    const absl::Time enqueued = absl::Now();
    EXPECT_TRUE(SynchronizeCompute(device_).ok());
    const double seconds = absl::ToDoubleSeconds(absl::Now() - enqueued);
    const double block = absl::ToDoubleSeconds(absl::Now() - begin) / blocks;
    return {seconds / block, seconds};
  }

  const at::Device device_{at::kCUDA, 0};
  at::Tensor matrix_;
  at::Tensor out_;
};

TEST_F(BlockPaceGpuTest, OfLongBlocksOneWaitsBehindTheOneThatRuns) {
  const Lead lead = LeadAfter(8, 250);
  EXPECT_GT(lead.blocks, 1.0) << "the device would have stood still";
  EXPECT_LT(lead.blocks, 2.5);
}

TEST_F(BlockPaceGpuTest, OfShortBlocksHalfASecondWaits) {
  const Lead lead = LeadAfter(100, 10);
  EXPECT_GT(lead.blocks, 5.0);
  EXPECT_LT(lead.seconds, 1.0) << "a stop would have to wait for all of them";
}

TEST_F(BlockPaceGpuTest, AWaitEndsWithTheStop) {
  BlockPace pace(device_);
  std::stop_source stop;
  pace.SetStop(stop.get_token());
  ASSERT_TRUE(pace.Next().ok());
  Enqueue(600);
  stop.request_stop();
  EXPECT_TRUE(absl::IsCancelled(pace.Next()));
  // What was enqueued is waited for by whoever abandons the step.
  pace.Clear();
  pace.SetStop({});
  EXPECT_TRUE(pace.Next().ok());
  ASSERT_TRUE(SynchronizeCompute(device_).ok());
}

}  // namespace
}  // namespace halfpipe
