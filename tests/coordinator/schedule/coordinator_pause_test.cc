// Pause, resume and save on request, through the coordinator.
#include <atomic>
#include <thread>

#include "common/base/steady_clock.h"
#include "coordinator/coordinator_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class CoordinatorPauseTest : public CoordinatorTest {};

TEST_F(CoordinatorPauseTest, ARunningJobIsSavedAndFreesItsStages) {
  JobSpec spec = Spec("a", 20);
  spec.config_yaml = JobConfigText(directory_ + "/a", 20, 1000);
  ASSERT_TRUE(coordinator_->CreateJob(spec).ok());
  ASSERT_TRUE(coordinator_->CreateJob(Spec("b")).ok());
  JoinPair("default");
  WorkToStep("a", 3);
  EXPECT_EQ(coordinator_->PauseJob("a")->state, JobState::kPausing);
  EXPECT_EQ(coordinator_->PauseJob("a")->state, JobState::kPausing);
  while (StateOf("a") == JobState::kPausing) {
    const bool worked = WorkOnce(0);
    ASSERT_TRUE(WorkOnce(1) || worked);
  }
  EXPECT_EQ(StateOf("a"), JobState::kPaused);
  ASSERT_THAT(coordinator_->GetJob("a")->checkpoints, SizeIs(1));
  EXPECT_GE(coordinator_->GetJob("a")->checkpoints[0].steps_done, 3);
  EXPECT_EQ(coordinator_->GetJob("a")->queue_position, 0);
  EXPECT_EQ(StateOf("b"), JobState::kPreparing);  // the stages are free
}

TEST_F(CoordinatorPauseTest, APausedJobGoesOnWithEveryStepAtItsOldPlace) {
  for (const char* id : {"a", "b", "c"}) {
    ASSERT_TRUE(coordinator_->CreateJob(Spec(id)).ok());
  }
  EXPECT_EQ(coordinator_->PauseJob("b")->state, JobState::kPaused);
  EXPECT_EQ(coordinator_->GetJob("c")->queue_position, 2);
  Open();
  EXPECT_EQ(StateOf("b"), JobState::kPaused);
  EXPECT_EQ(coordinator_->ResumeJob("b")->queue_position, 2);
  EXPECT_EQ(coordinator_->GetJob("c")->queue_position, 3);
}

// Whoever pauses or resumes waits for its own event, and may hand others to the
// disk on the way: they are written all the same, if by the next tick.
TEST_F(CoordinatorPauseTest, EventsOfAnotherThreadAreWrittenToo) {
  JobSpec spec = Spec("a", 100'000);
  spec.config_yaml = JobConfigText(directory_ + "/a", 100'000, 100'000);
  ASSERT_TRUE(coordinator_->CreateJob(spec).ok());
  JoinPair("default");
  std::atomic<bool> ends = false;
  std::thread stages([&] {
    while (!ends) {
      const bool worked = WorkOnce(0);
      if (!WorkOnce(1) && !worked) absl::SleepFor(absl::Microseconds(50));
    }
  });
  const auto is = [&](JobState state) {
    const absl::Time until = SteadyNow() + absl::Seconds(20);
    while (StateOf("a") != state && SteadyNow() < until) coordinator_->Tick();
    return StateOf("a") == state;
  };
  // That it runs is told to whoever watches from `cursor` on.
  int64_t cursor = 0;
  const auto is_told = [&] {
    const absl::Time until = SteadyNow() + absl::Seconds(5);
    while (SteadyNow() < until) {
      coordinator_->Tick();
      const auto batch = coordinator_->WaitForEvents(
          "a", cursor, absl::InfinitePast(), [] { return false; });
      if (!batch.ok()) return false;
      for (const JobEvent& event : batch->events) {
        cursor = event.cursor;
        const auto* change = std::get_if<StateChange>(&event.what);
        if (change != nullptr && change->state == JobState::kRunning) {
          return true;
        }
      }
    }
    return false;
  };
  for (int i = 0; i < 60 && !HasFailure(); ++i) {
    EXPECT_TRUE(is_told()) << "nothing after cursor " << cursor;
    EXPECT_TRUE(coordinator_->PauseJob("a").ok());
    EXPECT_TRUE(is(JobState::kPaused));
    EXPECT_TRUE(coordinator_->ResumeJob("a").ok());
  }
  ends = true;
  stages.join();
}

TEST_F(CoordinatorPauseTest, AResumedJobStartsFromItsLastStep) {
  ASSERT_TRUE(coordinator_->CreateJob(Spec("a")).ok());
  JoinPair("default");
  WorkToStep("a", 3);
  ASSERT_TRUE(coordinator_->PauseJob("a").ok());
  Work();
  ASSERT_EQ(StateOf("a"), JobState::kPaused);
  const auto saved = coordinator_->GetJob("a")->checkpoints.back();
  ASSERT_TRUE(coordinator_->ResumeJob("a").ok());
  std::string resume_from;
  while (resume_from.empty()) {
    const auto command = Take(0);
    if (!command.has_value()) {
      ASSERT_TRUE(WorkOnce(1));
      continue;
    }
    if (const auto* start = std::get_if<StartCommand>(&command->body)) {
      resume_from = start->resume_from;
    }
    Answer(0, FakeStage{.rank = 0, .write_files = true}.Answer(*command));
  }
  EXPECT_EQ(resume_from, saved.directory);
  Work();
  EXPECT_EQ(StateOf("a"), JobState::kDone);
}

TEST_F(CoordinatorPauseTest, ACoordinatorThatDiesWhilePausingHasPaused) {
  ASSERT_TRUE(coordinator_->CreateJob(Spec("a")).ok());
  JoinPair("default");
  WorkToStep("a", 2);
  while (StateOf("a") != JobState::kRunning) {
    const bool worked = WorkOnce(0);
    ASSERT_TRUE(WorkOnce(1) || worked);
  }
  ASSERT_EQ(coordinator_->PauseJob("a")->state, JobState::kPausing);
  Open();
  EXPECT_EQ(StateOf("a"), JobState::kPaused);
  EXPECT_THAT(coordinator_->GetJob("a")->checkpoints, SizeIs(1));
}

TEST_F(CoordinatorPauseTest, WhatHasEndedCannotBePausedOrSaved) {
  ASSERT_TRUE(coordinator_->CreateJob(Spec("a")).ok());
  EXPECT_EQ(coordinator_->SaveJob("a").status().code(),
            absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(coordinator_->CancelJob("a", false).ok());
  EXPECT_EQ(coordinator_->PauseJob("a").status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(coordinator_->PauseJob("x").status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(coordinator_->SaveJob("x").status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(CoordinatorPauseTest, APausedJobCanBeCancelled) {
  ASSERT_TRUE(coordinator_->CreateJob(Spec("a")).ok());
  ASSERT_TRUE(coordinator_->PauseJob("a").ok());
  EXPECT_EQ(coordinator_->CancelJob("a", false)->state, JobState::kCancelled);
}

TEST_F(CoordinatorPauseTest, ACancelOvertakesAPause) {
  ASSERT_TRUE(coordinator_->CreateJob(Spec("a")).ok());
  JoinPair("default");
  WorkToStep("a", 3);
  ASSERT_EQ(coordinator_->PauseJob("a")->state, JobState::kPausing);
  EXPECT_EQ(coordinator_->CancelJob("a", false)->state, JobState::kCancelling);
  EXPECT_EQ(coordinator_->PauseJob("a").status().code(),
            absl::StatusCode::kFailedPrecondition);
  Work();
  EXPECT_EQ(StateOf("a"), JobState::kCancelled);
  EXPECT_THAT(coordinator_->GetJob("a")->checkpoints, SizeIs(2));
}

TEST_F(CoordinatorPauseTest, AStageLostWhilePausingLeavesTheLastCommit) {
  ASSERT_TRUE(coordinator_->CreateJob(Spec("a")).ok());
  JoinPair("default");
  WorkToStep("a", 3);
  ASSERT_TRUE(coordinator_->PauseJob("a").ok());
  StageInfo another = InfoOf(1, "default");
  another.incarnation += 100;
  ++another.pid;
  now_ += absl::Seconds(11);  // the lease of the one before is over
  JoinAs(another);
  EXPECT_EQ(StateOf("a"), JobState::kPaused) << ReasonOf("a");
  EXPECT_THAT(ReasonOf("a"), HasSubstr("the last checkpoint has 2 steps"));
}

TEST_F(CoordinatorPauseTest, ASaveOnRequestIsACheckpointOfItsOwn) {
  JobSpec spec = Spec("a");
  spec.config_yaml = JobConfigText(directory_ + "/a", 20, 1000);
  ASSERT_TRUE(coordinator_->CreateJob(spec).ok());
  JoinPair("default");
  WorkToStep("a", 3);
  EXPECT_EQ(coordinator_->GetJob("a")->last_step->next_checkpoint_step, 20);
  ASSERT_TRUE(coordinator_->SaveJob("a").ok());
  Work();
  const auto job = coordinator_->GetJob("a");
  EXPECT_EQ(job->state, JobState::kDone) << job->reason;
  ASSERT_THAT(job->checkpoints, SizeIs(2));
  EXPECT_GE(job->checkpoints[0].steps_done, 3);
  EXPECT_LE(job->checkpoints[0].steps_done, 5);  // those that were under way
  EXPECT_EQ(job->checkpoints[1].steps_done, 20);
}

TEST_F(CoordinatorPauseTest, AWatchOfAPausedJobDoesNotEnd) {
  ASSERT_TRUE(coordinator_->CreateJob(Spec("a")).ok());
  ASSERT_TRUE(coordinator_->PauseJob("a").ok());
  const auto batch =
      coordinator_->WaitForEvents("a", 0, absl::InfinitePast(), Never);
  ASSERT_TRUE(batch.ok());
  EXPECT_FALSE(batch->complete);
  EXPECT_THAT(std::get<StateChange>(batch->events.back().what).reason,
              HasSubstr("paused while it was queued"));
}

}  // namespace
}  // namespace halfpipe
