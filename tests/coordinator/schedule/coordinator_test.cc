#include "coordinator/schedule/coordinator.h"

#include <signal.h>
#include <sys/resource.h>

#include <filesystem>
#include <thread>
#include <vector>

#include "coordinator/coordinator_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

// While it lives, no file of this process grows past `file`'s size.
class FullDisk {
 public:
  explicit FullDisk(const std::string& file) {
    getrlimit(RLIMIT_FSIZE, &before_);
    signal(SIGXFSZ, SIG_IGN);
    rlimit limit = before_;
    limit.rlim_cur = std::filesystem::file_size(file);
    EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  }

  ~FullDisk() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(CoordinatorTest, AStepLeavesItsTraceAndItsSeries) {
  ASSERT_TRUE(coordinator_->CreateJob(Spec("a")).ok());
  EXPECT_TRUE(absl::IsNotFound(coordinator_->GetTrace("b", 0).status()));
  const auto none = coordinator_->GetTrace("a", 0);
  EXPECT_TRUE(absl::IsFailedPrecondition(none.status()));
  EXPECT_THAT(none.status().message(), HasSubstr("queued"));
  JoinPair("default");
  WorkToStep("a", 3);
  const auto traces = coordinator_->GetTrace("a", 2);
  ASSERT_TRUE(traces.ok()) << traces.status();
  ASSERT_THAT(*traces, SizeIs(2));
  EXPECT_EQ(traces->back().steps_done, 3);
  EXPECT_EQ(traces->back().loss, 0.5);
  EXPECT_EQ(traces->back().stages[1].bubble_seconds, 0.5);
  const std::string text = registry_.Text();
  EXPECT_THAT(text, HasSubstr("halfpipe_stage_busy_seconds_total{pair="
                              "\"default\",stage=\"1\"} 4.5\n"));
  EXPECT_THAT(text, HasSubstr("halfpipe_train_loss_by_timestep{job=\"a\","));
  const auto folders = coordinator_->Folders();
  EXPECT_THAT(folders, ::testing::Contains(::testing::Pair(
                           "output", ::testing::EndsWith("/a"))));
  Work();
  // Its gauges go with it, its last steps stay to be looked at.
  EXPECT_THAT(registry_.Text(), Not(HasSubstr("job=\"a\"")));
  EXPECT_TRUE(coordinator_->GetTrace("a", 1).ok());
}

TEST_F(CoordinatorTest, AJobRunsToItsEndWithRealFiles) {
  auto job = coordinator_->CreateJob(Spec("a"));
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(job->state, JobState::kQueued);
  EXPECT_EQ(job->reason, "waits for stage 0 and stage 1");
  Join(0);
  EXPECT_EQ(coordinator_->GetJob("a")->reason, "waits for stage 1");
  Join(1);
  EXPECT_EQ(coordinator_->GetJob("a")->state, JobState::kPreparing);
  Work();
  job = coordinator_->GetJob("a");
  EXPECT_EQ(job->state, JobState::kDone) << job->reason;
  EXPECT_EQ(job->steps_done, 6);
  ASSERT_THAT(job->checkpoints, SizeIs(3));
  EXPECT_TRUE(std::filesystem::exists(job->checkpoints[2].directory +
                                      "/manifest.json"));
  ASSERT_THAT(job->exports, SizeIs(2));
  EXPECT_TRUE(std::filesystem::exists(job->exports[0]));
  EXPECT_THAT(registry_.Text(), Not(HasSubstr("job=\"a\"")));
}

// What is edited behind a checkpoint nobody has said yes to.
TEST_F(CoordinatorTest, WhatWasAcceptedCountsUntilTheNextCheckpoint) {
  JobSpec spec = Spec("a");
  spec.replace = true;
  spec.accept_data = true;
  ASSERT_TRUE(coordinator_->CreateJob(spec).ok());
  Join(0);
  Join(1);
  EXPECT_TRUE(coordinator_->GetJob("a")->replace);
  EXPECT_TRUE(coordinator_->GetJob("a")->accept_data);
  while (coordinator_->GetJob("a")->checkpoints.empty()) {
    WorkOnce(0);
    WorkOnce(1);
  }
  Open();  // so that the disk's word counts
  EXPECT_FALSE(coordinator_->GetJob("a")->replace);
  EXPECT_FALSE(coordinator_->GetJob("a")->accept_data);
}

TEST_F(CoordinatorTest, AnAdoptedCheckpointsStepsAreTheJobs) {
  ASSERT_TRUE(coordinator_->CreateJob(Spec("a")).ok());
  Join(0);
  Join(1);
  Work();
  JobSpec again = Spec("a");
  again.id = "b";
  ASSERT_TRUE(coordinator_->CreateJob(again).ok());
  Work();
  const auto job = coordinator_->GetJob("b");
  EXPECT_EQ(job->state, JobState::kDone) << job->reason;
  EXPECT_EQ(job->steps_done, 6);
  EXPECT_THAT(job->checkpoints, SizeIs(3));
}

TEST_F(CoordinatorTest, CreateIsIdempotentById) {
  ASSERT_TRUE(coordinator_->CreateJob(Spec("a")).ok());
  EXPECT_TRUE(coordinator_->CreateJob(Spec("a")).ok());
  EXPECT_THAT(coordinator_->ListJobs({})->jobs, SizeIs(1));
  JobSpec other = Spec("a");
  other.config_yaml += "# changed\n";
  EXPECT_EQ(coordinator_->CreateJob(other).status().code(),
            absl::StatusCode::kAlreadyExists);
}

TEST_F(CoordinatorTest, ValidateOnlyStoresNothing) {
  JobSpec spec = Spec("a");
  spec.validate_only = true;
  EXPECT_TRUE(coordinator_->CreateJob(spec).ok());
  EXPECT_EQ(coordinator_->GetJob("a").status().code(),
            absl::StatusCode::kNotFound);
  spec.config_yaml = "nmae: x\n";
  EXPECT_EQ(coordinator_->CreateJob(spec).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(CoordinatorTest, IdsAreChecked) {
  EXPECT_EQ(coordinator_->CreateJob(Spec("a/../b")).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(CoordinatorTest, ARestartedCoordinatorGoesOnFromTheCommit) {
  ASSERT_TRUE(coordinator_->CreateJob(Spec("a")).ok());
  Join(0);
  Join(1);
  while (coordinator_->GetJob("a")->checkpoints.size() < 2) {
    WorkOnce(0);
    WorkOnce(1);
  }
  const int64_t epoch = coordinator_->GetJob("a")->epoch;
  Open();  // without any goodbye
  EXPECT_EQ(coordinator_->GetJob("a")->state, JobState::kQueued);
  const StageInfo info = MakeStageInfo(0);
  EXPECT_EQ(coordinator_
                ->WaitForCommand({info.pair, info.rank}, info.incarnation, 9,
                                 absl::InfinitePast(), Never)
                .status()
                .code(),
            absl::StatusCode::kFailedPrecondition);
  Join(0);
  Join(1);
  EXPECT_GT(coordinator_->GetJob("a")->epoch, epoch);
  Work();
  const auto job = coordinator_->GetJob("a");
  EXPECT_EQ(job->state, JobState::kDone) << job->reason;
  EXPECT_THAT(job->checkpoints, SizeIs(3));
}

TEST_F(CoordinatorTest, TheNextJobFollowsByItself) {
  Join(0);
  Join(1);
  ASSERT_TRUE(coordinator_->CreateJob(Spec("a")).ok());
  ASSERT_TRUE(coordinator_->CreateJob(Spec("b")).ok());
  EXPECT_EQ(coordinator_->GetJob("b")->reason, "waits for the job before it");
  EXPECT_EQ(coordinator_->GetJob("b")->queue_position, 1);
  Work();
  EXPECT_EQ(coordinator_->GetJob("a")->state, JobState::kDone);
  EXPECT_EQ(coordinator_->GetJob("b")->state, JobState::kDone);
}

TEST_F(CoordinatorTest, TwoPairsNeverWriteToOneFolder) {
  for (int32_t rank : {0, 1}) {
    Join(rank);
    StageInfo other = MakeStageInfo(rank);
    other.pair = "other";
    ASSERT_TRUE(coordinator_->Register(other).ok());
  }
  JobSpec same = Spec("b");
  same.config_yaml = JobConfigText(directory_ + "/x/../a/");
  ASSERT_TRUE(coordinator_->CreateJob(Spec("a")).ok());
  ASSERT_TRUE(coordinator_->CreateJob(same).ok());
  ASSERT_TRUE(coordinator_->CreateJob(Spec("c")).ok());
  EXPECT_EQ(coordinator_->GetJob("a")->state, JobState::kPreparing);
  EXPECT_EQ(coordinator_->GetJob("b")->state, JobState::kQueued);
  EXPECT_THAT(coordinator_->GetJob("b")->reason, HasSubstr("job a"));
  // Another folder does not wait behind it.
  EXPECT_EQ(coordinator_->GetJob("c")->state, JobState::kPreparing);
}

TEST_F(CoordinatorTest, CancelAndResume) {
  ASSERT_TRUE(coordinator_->CreateJob(Spec("a")).ok());
  EXPECT_EQ(coordinator_->CancelJob("a", false)->state, JobState::kCancelled);
  EXPECT_EQ(coordinator_->CancelJob("a", false)->state, JobState::kCancelled);
  EXPECT_EQ(coordinator_->ResumeJob("a")->state, JobState::kQueued);
  EXPECT_EQ(coordinator_->ResumeJob("a").status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(coordinator_->CancelJob("b", false).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(CoordinatorTest, ACancelAfterTheLastStepFindsTheJobDone) {
  ASSERT_TRUE(coordinator_->CreateJob(Spec("a")).ok());
  JoinPair("default");
  WorkToStep("a", 6);
  EXPECT_EQ(coordinator_->CancelJob("a", false)->state, JobState::kCancelling);
  Work();
  const auto job = coordinator_->GetJob("a");
  EXPECT_EQ(job->state, JobState::kDone) << job->reason;
  EXPECT_THAT(job->exports, SizeIs(2));
}

TEST_F(CoordinatorTest, CancelNowDoesNotSave) {
  JobSpec spec = Spec("a");
  spec.config_yaml = JobConfigText(directory_ + "/a", 20, 1000);
  ASSERT_TRUE(coordinator_->CreateJob(spec).ok());
  JoinPair("default");
  WorkToStep("a", 3);
  EXPECT_EQ(coordinator_->CancelJob("a", true)->state, JobState::kCancelled);
  Work();
  EXPECT_THAT(coordinator_->GetJob("a")->checkpoints, IsEmpty());
}

TEST_F(CoordinatorTest, AStageThatNeverJoinsFailsTheJob) {
  JobSpec spec = Spec("a");
  spec.join_timeout = absl::Seconds(60);
  ASSERT_TRUE(coordinator_->CreateJob(spec).ok());
  Join(0);
  for (int second = 0; second < 61; ++second) {
    now_ += absl::Seconds(1);
    ASSERT_TRUE(
        coordinator_
            ->Heartbeat({"default", Rank(0)}, MakeStageInfo(0).incarnation, {})
            .ok());
    coordinator_->Tick();
  }
  const auto job = coordinator_->GetJob("a");
  EXPECT_EQ(job->state, JobState::kFailed);
  EXPECT_EQ(job->error.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(job->reason, HasSubstr("stage 1 did not join within 1m"));
}

TEST_F(CoordinatorTest, BothStagesLostAtOnceAgainAndAgainEndTheJob) {
  ASSERT_TRUE(coordinator_->CreateJob(Spec("a")).ok());
  for (int round = 0; round < 10; ++round) {
    Join(0);
    Join(1);
    // Each delay of the restart policy passes; then scan, encode and start.
    for (int second = 0; second < 40; ++second) {
      now_ += absl::Seconds(1);
      coordinator_->Tick();
      if (coordinator_->GetJob("a")->state == JobState::kRunning) break;
      WorkOnce(0);
      WorkOnce(1);
    }
    // In steps: a tick that comes late excuses the stages.
    for (int second = 0; second < 11; ++second) {
      now_ += absl::Seconds(1);
      coordinator_->Tick();
    }
    if (coordinator_->GetJob("a")->state == JobState::kFailed) break;
  }
  const auto job = coordinator_->GetJob("a");
  EXPECT_EQ(job->state, JobState::kFailed);
  EXPECT_THAT(job->reason, HasSubstr("gave up after 5 restarts"));
}

TEST_F(CoordinatorTest, ASilentStageIsLostAndTheOtherHearsOfIt) {
  ASSERT_TRUE(coordinator_->CreateJob(Spec("a")).ok());
  Join(0);
  Join(1);
  const StageHeartbeat beat;
  const uint64_t incarnation = MakeStageInfo(0).incarnation;
  const Epoch before =
      coordinator_->Heartbeat({"default", Rank(0)}, incarnation, beat)->epoch;
  for (int second = 0; second < 11; ++second) {
    now_ += absl::Seconds(1);
    ASSERT_TRUE(
        coordinator_->Heartbeat({"default", Rank(0)}, incarnation, beat).ok());
    coordinator_->Tick();
  }
  EXPECT_EQ(coordinator_->GetJob("a")->restarts, 1);
  EXPECT_GT(
      coordinator_->Heartbeat({"default", Rank(0)}, incarnation, beat)->epoch,
      before);
  Join(1);
  now_ += absl::Seconds(1);
  coordinator_->Tick();
  Work();
  EXPECT_EQ(coordinator_->GetJob("a")->state, JobState::kDone);
}

TEST_F(CoordinatorTest, EventsReplayFromACursorAndEnd) {
  ASSERT_TRUE(coordinator_->CreateJob(Spec("a")).ok());
  Join(0);
  Join(1);
  Work();
  auto all = coordinator_->WaitForEvents("a", 0, absl::InfinitePast(), Never);
  ASSERT_TRUE(all.ok());
  EXPECT_TRUE(all->complete);
  int steps = 0;
  for (size_t i = 0; i < all->events.size(); ++i) {
    EXPECT_EQ(all->events[i].cursor, static_cast<int64_t>(i) + 1);
    steps += std::holds_alternative<StepProgress>(all->events[i].what) ? 1 : 0;
  }
  EXPECT_EQ(steps, 6);
  const auto last = coordinator_->WaitForEvents(
      "a", static_cast<int64_t>(all->events.size()) - 1, absl::InfinitePast(),
      Never);
  ASSERT_THAT(last->events, SizeIs(1));
  EXPECT_EQ(std::get<StateChange>(last->events[0].what).state, JobState::kDone);
  EXPECT_EQ(coordinator_->WaitForEvents("a", 9999, absl::InfinitePast(), Never)
                .status()
                .code(),
            absl::StatusCode::kOutOfRange);
}

TEST_F(CoordinatorTest, WhatAStageLogsIsInItsJobsLog) {
  ASSERT_TRUE(coordinator_->CreateJob(Spec("a")).ok());
  JoinPair("default");
  const StageInfo info = InfoOf(1, "default");
  const auto heard =
      coordinator_->Heartbeat({info.pair, info.rank}, info.incarnation, {});
  ASSERT_TRUE(heard.ok());
  StageHeartbeat beat;
  // What was logged before the job, and what without any, is not its own.
  beat.lines = {{LogLevel::kError, "another failed", {}},
                {LogLevel::kInfo, "model loaded", heard->epoch},
                {LogLevel::kWarning, "the link is slow", heard->epoch}};
  ASSERT_TRUE(
      coordinator_->Heartbeat({info.pair, info.rank}, info.incarnation, beat)
          .ok());
  Work();
  const auto batch =
      coordinator_->WaitForEvents("a", 0, absl::InfinitePast(), Never);
  std::vector<LogLine> lines;
  for (const JobEvent& event : batch->events) {
    const auto* line = std::get_if<LogLine>(&event.what);
    if (line != nullptr && line->stage.has_value()) lines.push_back(*line);
  }
  ASSERT_THAT(lines, SizeIs(2));
  EXPECT_EQ(lines[0].text, "model loaded");
  EXPECT_EQ(lines[0].stage, 1);
  EXPECT_EQ(lines[1].severity, LogSeverity::kWarning);
  // Without a job there is no log to put it into.
  EXPECT_TRUE(
      coordinator_->Heartbeat({info.pair, info.rank}, info.incarnation, beat)
          .ok());
}

TEST_F(CoordinatorTest, ShutdownSavesAndQueues) {
  ASSERT_TRUE(coordinator_->CreateJob(Spec("a")).ok());
  Join(0);
  Join(1);
  while (coordinator_->GetJob("a")->steps_done < 1) {
    WorkOnce(0);
    WorkOnce(1);
  }
  coordinator_->BeginShutdown();
  EXPECT_FALSE(coordinator_->Idle());
  Work();
  EXPECT_TRUE(coordinator_->Idle());
  EXPECT_EQ(coordinator_->GetJob("a")->state, JobState::kQueued);
  EXPECT_THAT(coordinator_->GetJob("a")->checkpoints, SizeIs(1));
  coordinator_->Close();
  EXPECT_EQ(coordinator_->Register(MakeStageInfo(0)).code(),
            absl::StatusCode::kUnavailable);
}

TEST_F(CoordinatorTest, ListFiltersAndPages) {
  for (const char* id : {"a", "b", "c"}) {
    JobSpec spec = Spec(id);
    spec.labels = {{"odd", id[0] == 'b' ? "no" : "yes"}};
    ASSERT_TRUE(coordinator_->CreateJob(spec).ok());
  }
  ASSERT_TRUE(coordinator_->CancelJob("c", false).ok());
  JobQuery query;
  query.labels = {{"odd", "yes"}};
  EXPECT_THAT(coordinator_->ListJobs(query)->jobs, SizeIs(2));
  query.states = {JobState::kCancelled};
  ASSERT_THAT(coordinator_->ListJobs(query)->jobs, SizeIs(1));
  query = {};
  query.page_size = 2;
  auto page = coordinator_->ListJobs(query);
  ASSERT_THAT(page->jobs, SizeIs(2));
  EXPECT_EQ(page->jobs[0].id, "c");
  EXPECT_EQ(page->jobs[0].config_yaml, "");
  query.page_token = page->next_page_token;
  page = coordinator_->ListJobs(query);
  ASSERT_THAT(page->jobs, SizeIs(1));
  EXPECT_EQ(page->next_page_token, "");
  query.page_token = "x";
  EXPECT_EQ(coordinator_->ListJobs(query).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(CoordinatorTest, AJobThatCannotBeWrittenHasNeverBeen) {
  ASSERT_TRUE(coordinator_->CreateJob(Spec("a")).ok());
  {
    const FullDisk full(directory_ + "/state/halfpipe.db-wal");
    const auto refused = coordinator_->CreateJob(Spec("b"));
    EXPECT_FALSE(refused.ok());
    EXPECT_FALSE(absl::IsNotFound(refused.status())) << refused.status();
    EXPECT_EQ(coordinator_->GetJob("b").status().code(),
              absl::StatusCode::kNotFound);
    EXPECT_THAT(coordinator_->ListJobs({})->jobs, SizeIs(1));
    // Of another job's change the caller hears too.
    EXPECT_FALSE(coordinator_->CancelJob("a", false).ok());
  }
  now_ += absl::Seconds(1);
  coordinator_->Tick();  // marks when it failed
  now_ += absl::Seconds(1);
  coordinator_->Tick();  // and writes what did not fit then
  ASSERT_TRUE(coordinator_->CreateJob(Spec("b")).ok());
  EXPECT_EQ(coordinator_->GetJob("b")->queue_position, 1);
  Open();
  EXPECT_EQ(coordinator_->GetJob("a")->state, JobState::kCancelled);
  EXPECT_EQ(coordinator_->GetJob("b")->state, JobState::kQueued);
  const auto events =
      coordinator_->WaitForEvents("a", 0, absl::InfinitePast(), Never);
  ASSERT_TRUE(events.ok()) << events.status();
  EXPECT_TRUE(events->complete);
  for (size_t i = 0; i < events->events.size(); ++i) {
    EXPECT_EQ(events->events[i].cursor, static_cast<int64_t>(i) + 1);
  }
}

TEST_F(CoordinatorTest, ManySubmittersAtOnce) {
  constexpr int kThreads = 8;
  constexpr int kEach = 10;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([this, thread] {
      for (int i = 0; i < kEach; ++i) {
        // Each id twice, from two threads: one job.
        const std::string id = absl::StrCat("job-", thread / 2, "-", i);
        EXPECT_TRUE(coordinator_->CreateJob(Spec(id)).ok());
        EXPECT_GT(coordinator_->GetJob(id)->queue_position, 0);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  JobQuery query;
  query.page_size = 500;
  EXPECT_THAT(coordinator_->ListJobs(query)->jobs,
              SizeIs(kThreads * kEach / 2));
  Open();
  EXPECT_THAT(coordinator_->ListJobs(query)->jobs,
              SizeIs(kThreads * kEach / 2));
}

TEST_F(CoordinatorTest, FarBackInTheQueueAJobWaitsForTheOnesBeforeIt) {
  for (int i = 0; i < 102; ++i) {
    ASSERT_TRUE(coordinator_->CreateJob(Spec(absl::StrCat("job-", i))).ok());
  }
  const auto last = coordinator_->GetJob("job-101");
  EXPECT_EQ(last->queue_position, 102);
  EXPECT_EQ(last->reason, "waits for the job before it");
  EXPECT_EQ(coordinator_->GetJob("job-0")->reason,
            "waits for stage 0 and stage 1");
}

TEST_F(CoordinatorTest, AWatcherHearsOfItsJobAtOnce) {
  ASSERT_TRUE(coordinator_->CreateJob(Spec("a")).ok());
  const int64_t seen = coordinator_->GetJob("a")->last_cursor;
  std::thread watcher([&] {
    const auto batch = coordinator_->WaitForEvents(
        "a", seen, absl::Now() + absl::Seconds(60), Never);
    ASSERT_TRUE(batch.ok()) << batch.status();
    ASSERT_THAT(batch->events, SizeIs(1));
    EXPECT_TRUE(batch->complete);
  });
  ASSERT_TRUE(coordinator_->CancelJob("a", false).ok());
  watcher.join();
}

}  // namespace
}  // namespace halfpipe
