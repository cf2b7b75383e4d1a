// Which job is started when, and on which pair: PairAssigner, through the
// coordinator.
#include "common/plan/rates.h"
#include "coordinator/coordinator_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class CoordinatorQueueTest : public CoordinatorTest {
 protected:
  void Create(const JobSpec& spec) {
    const auto job = coordinator_->CreateJob(spec);
    ASSERT_TRUE(job.ok()) << job.status();
  }

  int64_t PositionOf(const std::string& id) {
    return coordinator_->GetJob(id)->queue_position;
  }
};

TEST_F(CoordinatorQueueTest, HigherPrioritiesGoFirstAndEqualOnesInOrder) {
  for (const auto& [id, priority] :
       {std::pair{"low", -5}, {"a", 0}, {"b", 0}, {"high", 7}}) {
    JobSpec spec = Spec(id);
    spec.priority = priority;
    Create(spec);
  }
  EXPECT_EQ(PositionOf("high"), 1);
  EXPECT_EQ(PositionOf("a"), 2);
  EXPECT_EQ(PositionOf("b"), 3);
  EXPECT_EQ(PositionOf("low"), 4);
  JoinPair("default");
  EXPECT_EQ(StateOf("high"), JobState::kPreparing);
  // One that comes later does not push a running job off its stages.
  JobSpec urgent = Spec("urgent");
  urgent.priority = 100;
  Create(urgent);
  EXPECT_EQ(StateOf("high"), JobState::kPreparing);
  EXPECT_EQ(PositionOf("urgent"), 1);
  WorkToStep("high", 6);
  while (StateOf("high") != JobState::kDone) {
    WorkOnce(0);
    WorkOnce(1);
  }
  EXPECT_EQ(StateOf("urgent"), JobState::kPreparing);
  EXPECT_EQ(StateOf("a"), JobState::kQueued);
  Work();
  EXPECT_EQ(StateOf("low"), JobState::kDone);
}

TEST_F(CoordinatorQueueTest, PrioritiesSurviveARestart) {
  Create(Spec("a"));
  JobSpec spec = Spec("b");
  spec.priority = 1;
  Create(spec);
  Open();
  EXPECT_EQ(PositionOf("b"), 1);
  EXPECT_EQ(PositionOf("a"), 2);
  const auto page = coordinator_->ListJobs({});
  ASSERT_THAT(page->jobs, SizeIs(2));
  EXPECT_EQ(page->jobs[0].queue_position, 1);  // newest first: b
  EXPECT_EQ(page->jobs[1].queue_position, 2);
}

// Of those only the place is read before somebody asks for more.
TEST_F(CoordinatorQueueTest, WhatWaitedBeforeARestartIsAllThere) {
  for (const char* id : {"a", "b", "c", "d"}) Create(Spec(id));
  ASSERT_TRUE(coordinator_->PauseJob("d").ok());
  Open();
  EXPECT_EQ(coordinator_->GetJob("a")->config_digest.empty(), false);
  EXPECT_EQ(coordinator_->CreateJob(Spec("a"))->queue_position, 1);
  JobSpec other = Spec("a");
  other.priority = 3;
  EXPECT_EQ(coordinator_->CreateJob(other).status().code(),
            absl::StatusCode::kAlreadyExists);
  ASSERT_TRUE(coordinator_->PauseJob("a").ok());
  ASSERT_TRUE(coordinator_->CancelJob("b", /*now=*/false).ok());
  EXPECT_EQ(StateOf("a"), JobState::kPaused);
  EXPECT_EQ(StateOf("b"), JobState::kCancelled);
  EXPECT_EQ(PositionOf("c"), 1);
  EXPECT_EQ(PositionOf("a"), 0);
  ASSERT_TRUE(coordinator_->ResumeJob("a").ok());
  EXPECT_EQ(PositionOf("a"), 1);  // its old place
  EXPECT_EQ(PositionOf("c"), 2);
  JoinPair("default");
  Work();
  EXPECT_EQ(StateOf("a"), JobState::kDone);
  EXPECT_EQ(StateOf("c"), JobState::kDone);
  EXPECT_EQ(StateOf("d"), JobState::kPaused);
}

TEST_F(CoordinatorQueueTest, TwoPairsRunTwoJobsAtOnce) {
  JoinPair("left");
  JoinPair("right");
  for (const char* id : {"a", "b", "c"}) Create(Spec(id));
  EXPECT_EQ(coordinator_->GetJob("a")->pair, "left");
  EXPECT_EQ(coordinator_->GetJob("b")->pair, "right");
  EXPECT_EQ(StateOf("c"), JobState::kQueued);
  WorkToStep("a", 2, "left");
  WorkToStep("b", 2, "right");
  EXPECT_EQ(StateOf("a"), JobState::kSaving);
  EXPECT_EQ(StateOf("b"), JobState::kSaving);
  Work("right");  // b to its end, then c
  EXPECT_EQ(StateOf("b"), JobState::kDone);
  EXPECT_EQ(StateOf("c"), JobState::kDone);
  EXPECT_EQ(coordinator_->GetJob("c")->pair, "right");
  EXPECT_EQ(StateOf("a"), JobState::kSaving);
  Work("left");
  EXPECT_EQ(StateOf("a"), JobState::kDone);
}

TEST_F(CoordinatorQueueTest, AJobMayAskForAPair) {
  JoinPair("left");
  JobSpec spec = Spec("a");
  spec.pair = "right";
  Create(spec);
  EXPECT_EQ(ReasonOf("a"), "waits for stage 0 and stage 1 of pair right");
  Create(Spec("b"));  // does not wait behind it
  EXPECT_EQ(coordinator_->GetJob("b")->pair, "left");
  Join(1, "right");
  EXPECT_EQ(ReasonOf("a"), "waits for stage 0 of pair right");
  Join(0, "right");
  EXPECT_EQ(coordinator_->GetJob("a")->pair, "right");
}

TEST_F(CoordinatorQueueTest, AJobForGpusPassesOverStagesWithoutOne) {
  JoinPair("cpus");
  JobSpec spec = Spec("a");
  spec.config_yaml += "pipeline: {device: cuda}\n";
  Create(spec);
  EXPECT_THAT(ReasonOf("a"), HasSubstr("cpus: stage 0 has no GPU"));
  for (int32_t rank : {0, 1}) {
    StageInfo info = InfoOf(rank, "gpus");
    info.device = absl::StrCat("cuda:", rank);
    JoinAs(info);
  }
  EXPECT_EQ(coordinator_->GetJob("a")->pair, "gpus");
}

TEST_F(CoordinatorQueueTest, AModelThatDoesNotFitGoesToAPairThatItFits) {
  // Two pairs of one make; only "big" has the memory for 40 blocks of 5120.
  stage_.large = true;
  for (const auto& [pair, gib] : {std::pair{"a-small", 6}, {"big", 120}}) {
    for (int32_t rank : {0, 1}) {
      StageInfo info = InfoOf(rank, pair);
      info.device = absl::StrCat("cuda:", rank);
      DeviceRates rates = MeasuredH200();
      rates.total_bytes = int64_t{gib} << 30;
      rates.free_bytes = rates.total_bytes;
      info.device_rates = RatesText({rates});
      info.device_total_bytes = rates.total_bytes;
      info.device_free_bytes = rates.free_bytes;
      info.host_available_bytes = int64_t{256} << 30;
      JoinAs(info);
    }
  }
  Create(Spec("a"));
  EXPECT_EQ(coordinator_->GetJob("a")->pair, "a-small");
  while (coordinator_->GetJob("a")->pair == "a-small") {
    const bool worked = WorkOnce(0, "a-small");
    ASSERT_TRUE(WorkOnce(1, "a-small") || worked) << ReasonOf("a");
  }
  EXPECT_EQ(coordinator_->GetJob("a")->pair, "big");
  Work("a-small");
  Work("big");
  EXPECT_EQ(StateOf("a"), JobState::kDone) << ReasonOf("a");
  EXPECT_EQ(coordinator_->GetJob("a")->retries, 0);
}

TEST_F(CoordinatorQueueTest, AFailureThatTimeMayMendIsTriedAgain) {
  JobSpec spec = Spec("a");
  spec.retry_limit = 2;
  spec.retry_backoff = absl::Seconds(10);
  spec.join_timeout = absl::Seconds(5);
  Create(spec);
  Pass(absl::Seconds(7));
  EXPECT_EQ(StateOf("a"), JobState::kQueued);
  EXPECT_THAT(ReasonOf("a"), HasSubstr("retry 1 of 2 in 10s: stage 0 and"));
  EXPECT_EQ(coordinator_->GetJob("a")->retries, 1);
  Open();  // its back-off outlives the coordinator
  Pass(absl::Seconds(5));
  EXPECT_THAT(ReasonOf("a"), HasSubstr("retry 1 of 2"));
  JoinPair("default");
  EXPECT_EQ(StateOf("a"), JobState::kQueued);  // not before its time
  Pass(absl::Seconds(6));
  EXPECT_EQ(StateOf("a"), JobState::kPreparing);
  Work();
  EXPECT_EQ(StateOf("a"), JobState::kDone);
}

TEST_F(CoordinatorQueueTest, TheLastRetryEndsTheJobAndAResumeBeginsAnew) {
  JobSpec spec = Spec("a");
  spec.retry_limit = 1;
  spec.retry_backoff = absl::Seconds(10);
  spec.join_timeout = absl::Seconds(5);
  Create(spec);
  Pass(absl::Seconds(30));
  EXPECT_EQ(StateOf("a"), JobState::kFailed);
  EXPECT_EQ(coordinator_->GetJob("a")->error.code(),
            absl::StatusCode::kDeadlineExceeded);
  ASSERT_TRUE(coordinator_->ResumeJob("a").ok());
  EXPECT_EQ(coordinator_->GetJob("a")->retries, 0);
}

TEST_F(CoordinatorQueueTest, BadDataIsNeverTriedAgain) {
  JobSpec spec = Spec("a");
  spec.retry_limit = 5;
  Create(spec);
  JoinPair("default");
  const auto scan = Take(0);
  ASSERT_TRUE(scan.has_value());
  Answer(0, {scan->sequence,
             scan->epoch,
             absl::InvalidArgumentError("row 3: no such file"),
             {}});
  EXPECT_EQ(StateOf("a"), JobState::kFailed);
  EXPECT_EQ(coordinator_->GetJob("a")->retries, 0);
}

TEST_F(CoordinatorQueueTest, ALongQueueIsNotToldOfEveryChange) {
  constexpr int kJobs = 110;
  for (int i = 0; i < kJobs; ++i) Create(Spec(absl::StrCat("job", i)));
  EXPECT_EQ(ReasonOf("job0"), "waits for stage 0 and stage 1");
  EXPECT_EQ(ReasonOf("job109"), "waits for the job before it");
  Join(1);
  EXPECT_EQ(ReasonOf("job0"), "waits for stage 0");
  EXPECT_EQ(ReasonOf("job109"), "waits for the job before it");
  EXPECT_EQ(PositionOf("job109"), kJobs);
  Join(0);
  EXPECT_EQ(StateOf("job0"), JobState::kPreparing);
  EXPECT_EQ(PositionOf("job109"), kJobs - 1);
}

}  // namespace
}  // namespace halfpipe
