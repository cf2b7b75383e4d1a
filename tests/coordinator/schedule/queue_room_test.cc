#include "coordinator/schedule/queue_room.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

TEST(QueueRoomTest, JobsAndBytesHaveALimit) {
  const QueueLoad limits{.jobs = 3, .bytes = 100};
  EXPECT_TRUE(CheckRoomInQueue(limits, {2, 60}, 40).ok());
  const absl::Status many = CheckRoomInQueue(limits, {3, 0}, 0);
  EXPECT_TRUE(absl::IsResourceExhausted(many));
  EXPECT_THAT(many.message(), HasSubstr("3 jobs wait already"));
  const absl::Status large = CheckRoomInQueue(limits, {2, 60}, 41);
  EXPECT_TRUE(absl::IsResourceExhausted(large));
  EXPECT_THAT(large.message(), HasSubstr("have 60 bytes together"));
  EXPECT_THAT(large.message(), HasSubstr("this one has 41"));
}

}  // namespace
}  // namespace halfpipe
