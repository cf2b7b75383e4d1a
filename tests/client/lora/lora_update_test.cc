#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "client/lora/merged_checkpoint.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;

LoraModule Small() {
  return {.module = "blocks.0.self_attn.q",
          .rank = 2,
          .in = 3,
          .out = 4,
          .a = {1, 2, 3, 10, 20, 30},
          .b = {1, 0, 0, 1, 1, 1, -1, 2},
          .scale = 0.5};
}

TEST(LoraUpdateTest, AddsTheScaledProduct) {
  std::vector<float> weight(12, 100.0f);
  AddLoraRows(Small(), 2.0, 0, 4, 1, weight.data());
  EXPECT_THAT(weight, ElementsAre(101, 102, 103,    // b = (1, 0)
                                  110, 120, 130,    // (0, 1)
                                  111, 122, 133,    // (1, 1)
                                  119, 138, 157));  // (-1, 2)
}

TEST(LoraUpdateTest, ASliceOfRowsIsThatPartOfTheWhole) {
  std::vector<float> slice(6, 0.0f);
  AddLoraRows(Small(), 2.0, 2, 2, 1, slice.data());
  EXPECT_THAT(slice, ElementsAre(11, 22, 33, 19, 38, 57));
}

TEST(LoraUpdateTest, ThreadsChangeNoBit) {
  LoraModule lora{.rank = 3, .in = 33, .out = 17};
  for (int i = 0; i < 3 * 33; ++i) {
    lora.a.push_back(0.1f * static_cast<float>(i % 13) - 0.3f);
  }
  for (int i = 0; i < 17 * 3; ++i) {
    lora.b.push_back(0.07f * static_cast<float>(i % 11) - 0.2f);
  }
  std::vector<float> one(17 * 33, 1.0f / 3.0f);
  AddLoraRows(lora, 1.0 / 3.0, 0, 17, 1, one.data());
  for (const int threads : {2, 5, 64}) {
    std::vector<float> copy(17 * 33, 1.0f / 3.0f);
    AddLoraRows(lora, 1.0 / 3.0, 0, 17, threads, copy.data());
    EXPECT_EQ(copy, one) << threads;
  }
}

}  // namespace
}  // namespace halfpipe
