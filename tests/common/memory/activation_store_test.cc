#include "common/memory/activation_store.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace halfpipe {
namespace {

TEST(ActivationStoreTest, KeepsTensorsUntilTaken) {
  ActivationStore store;
  const at::Tensor tensor = at::randn({2, 3});
  ASSERT_TRUE(
      store.Put(Microbatch(0), 5, {tensor, at::Tensor()}, Residence::kDevice)
          .ok());
  EXPECT_EQ(store.host_bytes(), 0);
  auto taken = store.Take(Microbatch(0), 5);
  ASSERT_TRUE(taken.ok());
  EXPECT_TRUE((*taken)[0].is_same(tensor));
  EXPECT_FALSE((*taken)[1].defined());
  EXPECT_EQ(store.size(), 0u);
}

TEST(ActivationStoreTest, OffloadedTensorsAreCopiesWithTheSameBits) {
  ActivationStore store;
  at::Tensor tensor = at::randn({4, 6}).t();  // strides survive
  const at::Tensor before = tensor.clone();
  ASSERT_TRUE(store.Put(Microbatch(1), 0, {tensor}, Residence::kHost).ok());
  EXPECT_EQ(store.host_bytes(), 4 * 6 * 4);
  tensor.zero_();
  auto taken = store.Take(Microbatch(1), 0);
  ASSERT_TRUE(taken.ok());
  EXPECT_TRUE((*taken)[0].equal(before));
  EXPECT_EQ((*taken)[0].strides(), tensor.strides());
  EXPECT_EQ(store.host_bytes(), 0);
  EXPECT_EQ(store.TakePeakHostBytes(), 4 * 6 * 4);
  EXPECT_EQ(store.TakePeakHostBytes(), 0);
}

TEST(ActivationStoreTest, RefusesTheWrongOrder) {
  ActivationStore store;
  EXPECT_TRUE(
      absl::IsFailedPrecondition(store.Take(Microbatch(0), 0).status()));
  ASSERT_TRUE(store.Put(Microbatch(0), 0, {}, Residence::kDevice).ok());
  const absl::Status twice =
      store.Put(Microbatch(0), 0, {}, Residence::kDevice);
  EXPECT_EQ(twice.message(), "block 0, micro-batch 0: forward ran twice");
  EXPECT_TRUE(store.Put(Microbatch(1), 0, {}, Residence::kDevice).ok());
  store.Clear();
  EXPECT_EQ(store.size(), 0u);
}

}  // namespace
}  // namespace halfpipe
