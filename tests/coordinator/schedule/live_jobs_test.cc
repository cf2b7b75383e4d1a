#include "coordinator/schedule/live_jobs.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

std::string Name(JobState state) { return std::string(JobStateName(state)); }

StoredJob Stored(const std::string& id, int64_t number = 1) {
  StoredJob stored;
  stored.number = number;
  stored.job.id = id;
  stored.job.config_yaml = "config";
  stored.spec.config_yaml = "file";
  stored.bytes = 10;
  return stored;
}

TEST(LiveJobsTest, NobodySeesAJobBeforeItIsOnTheDisk) {
  LiveJobs jobs;
  LiveJob* const live = jobs.AddComing(Stored("a"));
  EXPECT_EQ(jobs.Find("a"), nullptr);
  EXPECT_EQ(jobs.FindAny("a"), live);
  EXPECT_EQ(live->stored.job.config_yaml, "config");
  EXPECT_EQ(live->stored.spec.config_yaml, "");
  EXPECT_EQ(jobs.queue().Position("a"), 0);
  EXPECT_THAT(jobs.counts(), IsEmpty());
  EXPECT_EQ(jobs.QueuedBytes(), 10);
  jobs.OnCreated(live);
  EXPECT_EQ(jobs.Find("a"), live);
  EXPECT_EQ(live->stored.job.config_yaml, "") << "the store has it";
  EXPECT_EQ(jobs.queue().Position("a"), 1);
  EXPECT_THAT(jobs.counts(), ElementsAre(Pair(Name(JobState::kQueued), 1)));
  EXPECT_EQ(jobs.QueuedBytes(), 10);
}

TEST(LiveJobsTest, AJobThatNeverCameLeavesNothing) {
  LiveJobs jobs;
  jobs.AddComing(Stored("a"));
  jobs.KeepNeeds("a", {});
  jobs.Drop("a");
  jobs.Drop("none");
  EXPECT_EQ(jobs.FindAny("a"), nullptr);
  EXPECT_EQ(jobs.FindNeeds("a"), nullptr);
  EXPECT_EQ(jobs.QueuedBytes(), 0);
}

TEST(LiveJobsTest, ANewStateTakesAJobOutOfTheQueue) {
  LiveJobs jobs;
  LiveJob* const live = jobs.Admit(Stored("a"));
  jobs.KeepNeeds("a", {});
  EXPECT_EQ(jobs.queue().Position("a"), 1);
  jobs.ChangeState(live, JobState::kPreparing);
  EXPECT_EQ(live->stored.job.state, JobState::kPreparing);
  EXPECT_EQ(jobs.queue().Position("a"), 0);
  EXPECT_EQ(jobs.FindNeeds("a"), nullptr);
  EXPECT_THAT(jobs.counts(), ElementsAre(Pair(Name(JobState::kPreparing), 1)));
  jobs.Drop("a");
  EXPECT_THAT(jobs.counts(), IsEmpty());
}

TEST(LiveJobsTest, APlaceNeedsNoJobInMemory) {
  LiveJobs jobs;
  jobs.Enqueue({.number = 1, .id = "a", .priority = 0, .bytes = 3});
  EXPECT_EQ(jobs.FindAny("a"), nullptr);
  EXPECT_EQ(jobs.queue().Position("a"), 1);
  jobs.Admit(Stored("a"));
  EXPECT_THAT(jobs.counts(), ElementsAre(Pair(Name(JobState::kQueued), 1)))
      << "it had its place";
  jobs.Enqueue({.number = 2, .id = "b", .priority = 0, .bytes = 3});
  jobs.TakeOut("b");
  jobs.TakeOut("none");
  EXPECT_EQ(jobs.queue().Position("b"), 0);
  EXPECT_THAT(jobs.counts(), ElementsAre(Pair(Name(JobState::kQueued), 1)));
}

TEST(LiveJobsTest, WaitingJobsAreLetGoOfAndKeepTheirPlaces) {
  LiveJobs jobs;
  const auto most = static_cast<int64_t>(LiveJobs::kMostAtRest);
  for (int64_t i = 0; i < most + 3; ++i) {
    jobs.Admit(Stored(absl::StrCat("job", i), i + 1));
  }
  jobs.Find("job0")->unwritten.emplace_back();
  jobs.Rest();
  EXPECT_NE(jobs.FindAny("job0"), nullptr) << "it is not on the disk yet";
  for (const char* id : {"job1", "job2", "job3"}) {
    EXPECT_EQ(jobs.FindAny(id), nullptr) << id;
  }
  EXPECT_NE(jobs.FindAny("job4"), nullptr);
  EXPECT_EQ(jobs.queue().Position("job3"), 4);
  EXPECT_THAT(jobs.counts(),
              ElementsAre(Pair(Name(JobState::kQueued), most + 3)));
}

}  // namespace
}  // namespace halfpipe
