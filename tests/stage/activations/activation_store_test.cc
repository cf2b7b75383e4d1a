#include "stage/activations/activation_store.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <vector>

namespace halfpipe {
namespace {

ActivationStore CpuStore() {
  auto copies = MakeHostCopies(at::kCPU);
  EXPECT_TRUE(copies.ok()) << copies.status();
  return ActivationStore(*std::move(copies));
}

TEST(ActivationStoreTest, KeepsTensorsUntilTaken) {
  ActivationStore store = CpuStore();
  const at::Tensor tensor = at::randn({2, 3});
  ASSERT_TRUE(store.Put(Microbatch(0), 5, {{tensor}, {at::Tensor()}}).ok());
  EXPECT_EQ(store.host_bytes(), 0);
  auto taken = store.Take(Microbatch(0), 5);
  ASSERT_TRUE(taken.ok());
  EXPECT_TRUE((*taken)[0].is_same(tensor));
  EXPECT_FALSE((*taken)[1].defined());
  EXPECT_EQ(store.size(), 0u);
}

TEST(ActivationStoreTest, OffloadedTensorsAreCopiesWithTheSameBits) {
  ActivationStore store = CpuStore();
  at::Tensor gone = at::randn({4, 6});
  at::Tensor kept = at::randn({2});
  const at::Tensor before = gone.clone();
  ASSERT_TRUE(
      store.Put(Microbatch(1), 0, {{gone, Residence::kHost}, {kept}}).ok());
  EXPECT_EQ(store.host_bytes(), 4 * 6 * 4);
  gone.zero_();
  auto taken = store.Take(Microbatch(1), 0);
  ASSERT_TRUE(taken.ok());
  EXPECT_TRUE((*taken)[0].equal(before));
  EXPECT_TRUE((*taken)[1].is_same(kept));
  EXPECT_EQ(store.host_bytes(), 0);
  EXPECT_EQ(store.TakePeakHostBytes(), 4 * 6 * 4);
  EXPECT_EQ(store.TakePeakHostBytes(), 0);
}

TEST(ActivationStoreTest, PrefetchBringsBackOnceAndIsOnlyAHint) {
  ActivationStore store = CpuStore();
  EXPECT_TRUE(store.Prefetch(Microbatch(0), 7).ok());
  const at::Tensor tensor = at::randn({8});
  ASSERT_TRUE(store.Put(Microbatch(0), 7, {{tensor, Residence::kHost}}).ok());
  ASSERT_TRUE(store.Prefetch(Microbatch(0), 7).ok());
  EXPECT_EQ(store.host_bytes(), 0);
  EXPECT_TRUE(store.Prefetch(Microbatch(0), 7).ok());
  auto taken = store.Take(Microbatch(0), 7);
  ASSERT_TRUE(taken.ok());
  EXPECT_TRUE((*taken)[0].equal(tensor));
}

TEST(ActivationStoreTest, RefusesTheWrongOrder) {
  ActivationStore store = CpuStore();
  EXPECT_TRUE(
      absl::IsFailedPrecondition(store.Take(Microbatch(0), 0).status()));
  ASSERT_TRUE(store.Put(Microbatch(0), 0, {}).ok());
  const absl::Status twice = store.Put(Microbatch(0), 0, {});
  EXPECT_EQ(twice.message(), "block 0, micro-batch 0: forward ran twice");
  EXPECT_TRUE(store.Put(Microbatch(1), 0, {}).ok());
  store.Clear();
  EXPECT_EQ(store.size(), 0u);
}

}  // namespace
}  // namespace halfpipe
