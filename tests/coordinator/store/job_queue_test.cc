#include "coordinator/store/job_queue.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;

TEST(JobQueueTest, OlderFirstAndHigherPriorityBeforeThat) {
  JobQueue queue;
  queue.Add("c", 3);
  queue.Add("a", 1);
  queue.Add("urgent", 9, 5);
  queue.Add("later", 2, -1);
  EXPECT_THAT(queue.First(9), ElementsAre("urgent", "a", "c", "later"));
  EXPECT_THAT(queue.First(2), ElementsAre("urgent", "a"));
  EXPECT_EQ(queue.Position("urgent"), 1);
  EXPECT_EQ(queue.Position("later"), 4);
  EXPECT_EQ(queue.Position("nobody"), 0);
}

TEST(JobQueueTest, CountsTheBytesOfThoseThatAreThere) {
  JobQueue queue;
  queue.Add("a", 1, 0, 100);
  queue.Add("b", 2, 0, 20);
  queue.Add("a", 1, 5, 7);
  EXPECT_EQ(queue.bytes(), 27);
  queue.Remove("b");
  queue.Remove("b");
  EXPECT_EQ(queue.bytes(), 7);
}

TEST(JobQueueTest, AddMovesAndRemoveForgets) {
  JobQueue queue;
  queue.Add("a", 1);
  queue.Add("b", 2);
  queue.Add("b", 2, 1);
  EXPECT_EQ(queue.size(), 2u);
  EXPECT_THAT(queue.First(9), ElementsAre("b", "a"));
  queue.Remove("b");
  queue.Remove("b");
  EXPECT_EQ(queue.Position("b"), 0);
  EXPECT_EQ(queue.Position("a"), 1);
}

TEST(JobQueueTest, PlacesInALongQueue) {
  JobQueue queue;
  constexpr int64_t kJobs = 20'000;
  for (int64_t i = kJobs; i > 0; --i) queue.Add(absl::StrCat("job-", i), i);
  for (int64_t i = 1; i <= kJobs; i += 777) {
    EXPECT_EQ(queue.Position(absl::StrCat("job-", i)), i);
  }
  queue.Remove("job-1");
  EXPECT_EQ(queue.Position("job-20000"), kJobs - 1);
}

}  // namespace
}  // namespace halfpipe
