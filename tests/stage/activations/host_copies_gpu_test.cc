// Copies that run beside the computation must neither read memory that was
// given away nor be read before they arrive.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "stage/activations/activation_store.h"
#include "stage/activations/cuda_host_copies.h"
#include "stage/activations/cuda_host_pinning.h"
#include "stage/activations/host_copies.h"
#include "stage/activations/pinned_pool.h"
#include "stage/kernels/cuda_runtime.h"

namespace halfpipe {
namespace {

const at::Device kGpu(at::kCUDA, 0);

class HostCopiesGpuTest : public testing::Test {
 protected:
  void SetUp() override {
    const absl::Status status = EnsureCudaLoaded();
    if (!status.ok()) GTEST_SKIP() << status;
  }
};

at::Tensor Filled(double value, int64_t numel) {
  return at::full({numel}, value,
                  at::TensorOptions().device(kGpu).dtype(at::kFloat));
}

bool AllEqual(const at::Tensor& tensor, double value) {
  return tensor.eq(value).all().item<bool>();
}

// Memory that a forward gave to the copies is handed out again at once: were
// the order wrong, later values would be found in earlier tensors.
TEST_F(HostCopiesGpuTest, TensorsSurviveReuseOfTheirMemory) {
  auto copies = MakeCudaHostCopies(kGpu);
  ASSERT_TRUE(copies.ok()) << copies.status();
  ActivationStore store(*std::move(copies));
  constexpr int64_t kBlocks = 12;
  constexpr int64_t kNumel = 8 << 20;
  for (int round = 0; round < 3; ++round) {
    for (int64_t block = 0; block < kBlocks; ++block) {
      const double value = 100.0 * round + static_cast<double>(block);
      ASSERT_TRUE(store
                      .Put(Microbatch(round), block,
                           {{Filled(value, kNumel), Residence::kHost},
                            {Filled(-value, kNumel / 2), Residence::kHost}})
                      .ok());
    }
  }
  const int64_t pinned = store.host_bytes();
  EXPECT_EQ(pinned, 3 * kBlocks * kNumel * 6);
  for (int round = 0; round < 3; ++round) {
    for (int64_t block = kBlocks; block-- > 0;) {
      for (int64_t ahead = 0; ahead <= kOffloadDepth; ++ahead) {
        ASSERT_TRUE(store.Prefetch(Microbatch(round), block - ahead).ok());
      }
      auto taken = store.Take(Microbatch(round), block);
      ASSERT_TRUE(taken.ok()) << taken.status();
      const double value = 100.0 * round + static_cast<double>(block);
      EXPECT_TRUE(AllEqual((*taken)[0], value)) << round << " " << block;
      EXPECT_TRUE(AllEqual((*taken)[1], -value)) << round << " " << block;
    }
  }
  EXPECT_EQ(store.host_bytes(), pinned);  // kept, to be used again
}

TEST_F(HostCopiesGpuTest, ThePoolUsesABufferAgain) {
  PinnedPool pool(NewCudaHostPinning());
  auto first = pool.Take(1 << 20);
  ASSERT_TRUE(first.ok()) << first.status();
  void* data = first->data;
  pool.Return(*std::move(first));
  auto again = pool.Take(1 << 20);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->data, data);
  EXPECT_EQ(pool.bytes(), 1 << 20);
  pool.Return(*std::move(again));
}

// What the plan counts on: kept blocks behind it let an offloaded one go.
TEST_F(HostCopiesGpuTest, BlocksWithoutOffloadsLetGoOfThoseBefore) {
  auto copies = MakeCudaHostCopies(kGpu);
  ASSERT_TRUE(copies.ok()) << copies.status();
  ActivationStore store(*std::move(copies));
  const at::Tensor tensor = Filled(1.0, 1 << 20);
  ASSERT_TRUE(store.Put(Microbatch(0), 0, {{tensor, Residence::kHost}}).ok());
  EXPECT_GT(tensor.use_count(), 1u);
  for (int64_t block = 1; block <= kOffloadDepth; ++block) {
    ASSERT_TRUE(
        store.Put(Microbatch(0), block, {{Filled(2.0, 8), Residence::kDevice}})
            .ok());
  }
  EXPECT_EQ(tensor.use_count(), 1u);
}

TEST_F(HostCopiesGpuTest, ClearLeavesNoCopyUnderWay) {
  auto copies = MakeCudaHostCopies(kGpu);
  ASSERT_TRUE(copies.ok()) << copies.status();
  ActivationStore store(*std::move(copies));
  ASSERT_TRUE(
      store.Put(Microbatch(0), 0, {{Filled(1.0, 16 << 20), Residence::kHost}})
          .ok());
  ASSERT_TRUE(store.Prefetch(Microbatch(0), 0).ok());
  store.Clear();
  EXPECT_EQ(store.size(), 0u);
}

}  // namespace
}  // namespace halfpipe
