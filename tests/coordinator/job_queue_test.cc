#include "coordinator/job_queue.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> Order(const JobQueue& queue) {
  std::vector<std::string> ids;
  queue.ForEach([&](const std::string& id, int64_t position) {
    ids.push_back(id);
    EXPECT_EQ(position, static_cast<int64_t>(ids.size()));
    return true;
  });
  return ids;
}

TEST(JobQueueTest, PriorityFirstThenAge) {
  JobQueue queue;
  queue.Add(0, 10, "young");
  queue.Add(0, 9, "old");
  queue.Add(-1, 1, "low");
  queue.Add(2, 11, "high");
  EXPECT_THAT(Order(queue), ElementsAre("high", "old", "young", "low"));
  EXPECT_EQ(queue.PositionOf(0, 10, "young"), 3);
  EXPECT_EQ(queue.PositionOf(0, 12, "not there"), 0);
}

TEST(JobQueueTest, AJobThatComesBackHasItsOldPlace) {
  JobQueue queue;
  queue.Add(0, 1, "a");
  queue.Add(0, 2, "b");
  queue.Remove(0, 1, "a");
  EXPECT_THAT(Order(queue), ElementsAre("b"));
  queue.Add(0, 1, "a");
  EXPECT_THAT(Order(queue), ElementsAre("a", "b"));
  EXPECT_EQ(queue.size(), 2u);
}

TEST(JobQueueTest, AVisitMayEndEarly) {
  JobQueue queue;
  queue.Add(0, 1, "a");
  queue.Add(0, 2, "b");
  int visits = 0;
  queue.ForEach([&](const std::string&, int64_t) { return ++visits < 1; });
  EXPECT_EQ(visits, 1);
}

}  // namespace
}  // namespace halfpipe
