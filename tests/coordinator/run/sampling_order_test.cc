#include "coordinator/run/sampling_order.h"

#include <map>
#include <set>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;

TEST(SamplingOrderTest, EveryEpochHoldsEverySampleOnce) {
  for (int64_t size : {1, 2, 3, 4, 5, 16, 17, 63, 64, 65, 1000}) {
    for (int64_t epoch = 0; epoch < 3; ++epoch) {
      std::set<int64_t> seen;
      for (int64_t i = 0; i < size; ++i) {
        int64_t sample = SampleAt(7, size, epoch * size + i);
        ASSERT_GE(sample, 0);
        ASSERT_LT(sample, size);
        EXPECT_TRUE(seen.insert(sample).second);
      }
    }
  }
}

TEST(SamplingOrderTest, RepeatHoldsEverySampleSoOften) {
  std::map<int64_t, int> counts;
  for (int64_t i = 0; i < 5 * 4; ++i) ++counts[SampleAt(1, 5, i, 4)];
  for (int64_t sample = 0; sample < 5; ++sample) EXPECT_EQ(counts[sample], 4);
}

std::vector<int64_t> Epoch(uint64_t seed, int64_t epoch, int64_t size) {
  std::vector<int64_t> order;
  for (int64_t i = 0; i < size; ++i) {
    order.push_back(SampleAt(seed, size, epoch * size + i));
  }
  return order;
}

TEST(SamplingOrderTest, SeedsAndEpochsDiffer) {
  EXPECT_NE(Epoch(0, 0, 50), Epoch(1, 0, 50));
  EXPECT_NE(Epoch(0, 0, 50), Epoch(0, 1, 50));
  // Checkpoints hold only a position: the order is a promise.
  EXPECT_THAT(Epoch(42, 0, 8), ElementsAre(0, 7, 6, 3, 1, 4, 2, 5));
}

TEST(SamplingOrderTest, FirstPlacesAreSpreadEvenly) {
  constexpr int kEpochs = 6000;
  std::map<int64_t, int> counts;
  for (int64_t epoch = 0; epoch < kEpochs; ++epoch) {
    ++counts[Permute(3, epoch, 6, 0)];
  }
  // 1000 expected, standard deviation 29.
  for (int64_t place = 0; place < 6; ++place) {
    EXPECT_NEAR(counts[place], 1000, 150) << place;
  }
}

TEST(SamplingOrderTest, HugePositions) {
  int64_t sample = SampleAt(0, 3, int64_t{1} << 62);
  EXPECT_GE(sample, 0);
  EXPECT_LT(sample, 3);
}

}  // namespace
}  // namespace halfpipe
