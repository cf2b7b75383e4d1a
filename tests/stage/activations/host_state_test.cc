#include "stage/activations/host_state.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <vector>

namespace halfpipe {
namespace {

TEST(HostStateTest, GivesZerosOfEachShapeInOneBlock) {
  const std::vector<at::Tensor> like = {at::ones({2, 3}), at::ones({5}),
                                        at::ones({1, 4})};
  const std::vector<at::Tensor> zeros = HostZerosLike(like, at::kCPU);
  ASSERT_EQ(zeros.size(), like.size());
  for (size_t i = 0; i < like.size(); ++i) {
    EXPECT_EQ(zeros[i].sizes(), like[i].sizes());
    EXPECT_TRUE(zeros[i].is_contiguous());
    EXPECT_TRUE(zeros[i].eq(0.0).all().item<bool>());
    EXPECT_TRUE(zeros[i].is_alias_of(zeros[0]));
  }
  zeros[0].fill_(1.0);
  EXPECT_TRUE(zeros[1].eq(0.0).all().item<bool>());
  EXPECT_TRUE(HostZerosLike({}, at::kCPU).empty());
}

}  // namespace
}  // namespace halfpipe
