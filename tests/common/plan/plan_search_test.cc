#include "common/plan/plan_search.h"

#include "common/plan/plan_cases.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::SizeIs;

PlanSearch Search(const PlanRequest& request) {
  return PlanSearch::Create(request, 1).value();
}

TEST(PlanSearchTest, SplitsBeginInTheMiddleAndReachFurtherForUnevenCards) {
  PlanRequest request = A14bRequest();
  EXPECT_THAT(Search(request).Splits(),
              ElementsAre(20, 19, 21, 18, 22, 17, 23));
  request.split = 7;
  EXPECT_THAT(Search(request).Splits(), ElementsAre(7));
  request.split.reset();
  request.devices[1].free_bytes /= 2;
  EXPECT_THAT(Search(request).Splits(), SizeIs(39));
  EXPECT_THAT(Search(request).Splits(), Contains(1));
  request.schedule.stages = 1;
  request.devices.pop_back();
  EXPECT_THAT(Search(request).Splits(), ElementsAre(40));
}

TEST(PlanSearchTest, AShortfallIsExactlyWhatIsMissing) {
  PlanRequest request = A14bRequest();
  request.gpu_memory_bytes = 18 * kGiB;
  request.host_memory_bytes = {1024 * kGiB};
  const Shortfall lacks = Search(request).ShortfallsAt(20)[0];
  ASSERT_GT(lacks.device_bytes, 0);
  EXPECT_FALSE(Search(request).Fits(20));
  // The slack comes on top of what the blocks lack.
  request.gpu_memory_bytes += lacks.device_bytes * 107 / 100;
  EXPECT_LE(Search(request).ShortfallsAt(20)[0].device_bytes, 0);
  EXPECT_TRUE(Search(request).Fits(20));
  request.host_memory_bytes = {0};
  const std::vector<Shortfall> host = Search(request).ShortfallsAt(20);
  ASSERT_GT(host[1].host_bytes, 0);
  request.host_memory_bytes = {host[1].host_bytes};
  EXPECT_TRUE(Search(request).Fits(20));
  PlanSearch exact = Search(request);
  EXPECT_TRUE(exact.BestAt(20).value().has_value());
  request.host_memory_bytes = {host[1].host_bytes - 1};
  EXPECT_FALSE(Search(request).Fits(20));
}

TEST(PlanSearchTest, WhatFitsHasABestPlan) {
  PlanRequest request = A14bRequest();
  request.gpu_memory_bytes = 30 * kGiB;
  PlanSearch search = Search(request);
  const auto plan = search.BestAt(20);
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_TRUE(plan->has_value());
  EXPECT_EQ((*plan)->split, 20);
  request.gpu_memory_bytes = 10 * kGiB;
  PlanSearch small = Search(request);
  EXPECT_FALSE(small.BestAt(20).value().has_value());
}

}  // namespace
}  // namespace halfpipe
