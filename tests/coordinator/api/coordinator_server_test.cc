// The whole coordinator behind real sockets, with a pair of stages that are
// threads of this process and use the client that real stages use.
#include "coordinator/api/coordinator_server.h"

#include <atomic>
#include <filesystem>
#include <thread>

#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "client/jobs/training_client.h"
#include "coordinator/fake_stage.h"
#include "coordinator/job_config_text.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "stage/serve/grpc_coordinator_client.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

// Registers, runs commands with FakeStage's answers, reports, beats.
class StageThread {
 public:
  StageThread(const std::string& address, int32_t rank)
      : client_(NewGrpcCoordinatorClient({address})),
        thread_([this, rank] { Run(rank); }) {}

  ~StageThread() {
    stop_ = true;
    thread_.join();
  }

 private:
  void Run(int32_t rank) {
    ASSERT_TRUE(client_->Register(MakeStageInfo(rank)).ok());
    const FakeStage stage{.rank = rank, .write_files = true};
    int64_t sequence = 0;
    while (!stop_) {
      auto command = client_->NextCommand(sequence, absl::Milliseconds(200));
      if (!command.ok()) continue;
      sequence = command->sequence;
      ASSERT_TRUE(client_->Report(stage.Answer(*command)).ok());
      ASSERT_TRUE(client_->Heartbeat({}).ok());
    }
  }

  std::unique_ptr<CoordinatorClient> client_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

class CoordinatorServerTest : public ::testing::Test {
 protected:
  CoordinatorServerTest() : metrics_(&registry_) {
    std::filesystem::remove_all(directory_);
    Open("127.0.0.1:0");
    client_ = NewTrainingClient({server_->address(), absl::Seconds(5)});
  }

  ~CoordinatorServerTest() override { Close(); }

  void Open(const std::string& address) {
    Coordinator::Options options;
    options.clock = [] { return absl::Now(); };
    options.info.version = "test";
    auto store = JobStore::Open(directory_ + "/state");
    coordinator_ = *Coordinator::Create(options, *std::move(store),
                                        ledger_.get(), &metrics_);
    auto server = CoordinatorServer::Start(address, coordinator_.get());
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    stop_ = false;
    ticker_ = std::thread([this] {
      while (!stop_) {
        coordinator_->Tick();
        absl::SleepFor(absl::Milliseconds(20));
      }
    });
  }

  void Close() {
    stop_ = true;
    ticker_.join();
    server_.reset();
    coordinator_.reset();
  }

  JobSpec Spec(const std::string& id, int64_t steps = 6) {
    JobSpec spec;
    spec.id = id;
    spec.config_yaml = JobConfigText(directory_ + "/" + id, steps);
    return spec;
  }

  const std::string directory_ =
      ::testing::TempDir() + "/coordinator_server_test";
  MetricsRegistry registry_;
  CoordinatorMetrics metrics_;
  const std::unique_ptr<CheckpointLedger> ledger_ = NewFileCheckpointLedger();
  std::unique_ptr<Coordinator> coordinator_;
  std::unique_ptr<CoordinatorServer> server_;
  std::unique_ptr<TrainingClient> client_;
  std::atomic<bool> stop_ = false;
  std::thread ticker_;
};

TEST_F(CoordinatorServerTest, AJobRunsOverTheWireAndTheWatchReplays) {
  StageThread stage0(server_->address(), 0);
  StageThread stage1(server_->address(), 1);
  ASSERT_TRUE(client_->CreateJob(Spec("a")).ok());
  std::vector<JobEvent> events;
  const absl::Status watched =
      client_->WatchJob({.id = "a"}, [&](const JobEvent& event) {
        events.push_back(event);
        return true;
      });
  EXPECT_TRUE(watched.ok()) << watched;
  ASSERT_FALSE(events.empty());
  const auto& last = std::get<StateChange>(events.back().what);
  EXPECT_EQ(last.state, JobState::kDone) << last.reason;

  const int64_t middle = events[events.size() / 2].cursor;
  std::vector<int64_t> replayed;
  EXPECT_TRUE(client_
                  ->WatchJob({.id = "a", .after_cursor = middle},
                             [&](const JobEvent& event) {
                               replayed.push_back(event.cursor);
                               return true;
                             })
                  .ok());
  ASSERT_FALSE(replayed.empty());
  EXPECT_EQ(replayed.front(), middle + 1);
  EXPECT_EQ(replayed.back(), events.back().cursor);

  auto job = client_->GetJob("a");
  ASSERT_TRUE(job.ok());
  EXPECT_THAT(job->checkpoints, SizeIs(3));
  EXPECT_THAT(client_->ListJobs({})->jobs, SizeIs(1));
  EXPECT_THAT(client_->GetServerInfo()->stages, SizeIs(2));
}

TEST_F(CoordinatorServerTest, ErrorsCrossWithTheirCodes) {
  EXPECT_EQ(client_->GetJob("x").status().code(), absl::StatusCode::kNotFound);
  JobSpec spec = Spec("a");
  spec.config_yaml = "nmae: x\n";
  spec.file_name = "my.yaml";
  const absl::Status invalid = client_->CreateJob(spec).status();
  EXPECT_EQ(invalid.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(invalid.message(), HasSubstr("my.yaml"));
  auto stage = NewGrpcCoordinatorClient({server_->address()});
  ASSERT_TRUE(stage->Register(MakeStageInfo(0, 1)).ok());
  auto second = NewGrpcCoordinatorClient({server_->address()});
  EXPECT_EQ(second->Register(MakeStageInfo(0, 2)).code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(stage->NextCommand(0, absl::Milliseconds(10)).status().code(),
            absl::StatusCode::kDeadlineExceeded);
}

TEST_F(CoordinatorServerTest, AWatchStopsWhenItIsAsked) {
  ASSERT_TRUE(client_->CreateJob(Spec("a")).ok());
  std::stop_source stop;
  std::thread stopper([&] {
    absl::SleepFor(absl::Milliseconds(100));
    stop.request_stop();
  });
  EXPECT_EQ(client_
                ->WatchJob({.id = "a", .stop = stop.get_token()},
                           [](const JobEvent&) { return true; })
                .code(),
            absl::StatusCode::kCancelled);
  stopper.join();
}

TEST_F(CoordinatorServerTest, ShutdownEndsWaitsAtOnce) {
  auto stage = NewGrpcCoordinatorClient({server_->address()});
  ASSERT_TRUE(stage->Register(MakeStageInfo(0)).ok());
  std::thread shutdown([&] {
    absl::SleepFor(absl::Milliseconds(100));
    server_->Shutdown(absl::Seconds(2));
  });
  const absl::Time begin = absl::Now();
  EXPECT_EQ(stage->NextCommand(0, absl::Seconds(30)).status().code(),
            absl::StatusCode::kUnavailable);
  shutdown.join();
  EXPECT_LT(absl::Now() - begin, absl::Seconds(2));
}

TEST_F(CoordinatorServerTest, AWatchOutlastsARestartAfterALongSilence) {
  ASSERT_TRUE(client_->CreateJob(Spec("a")).ok());
  // Longer silent than it would try for.
  auto client = NewTrainingClient(
      {server_->address(), absl::Seconds(5), absl::Milliseconds(700)});
  std::vector<int64_t> cursors;
  absl::Mutex mutex;
  absl::Status watched = absl::UnknownError("not ended");
  std::thread watcher([&] {
    watched = client->WatchJob({.id = "a"}, [&](const JobEvent& event) {
      absl::MutexLock lock(&mutex);
      cursors.push_back(event.cursor);
      return true;
    });
  });
  absl::SleepFor(absl::Milliseconds(1200));
  const std::string address = server_->address();
  Close();
  Open(address);
  ASSERT_TRUE(client_->CancelJob("a", false).ok());
  watcher.join();
  EXPECT_TRUE(watched.ok()) << watched;
  // Every event once, in order.
  for (size_t i = 0; i < cursors.size(); ++i) {
    EXPECT_EQ(cursors[i], static_cast<int64_t>(i) + 1);
  }
  EXPECT_EQ(coordinator_->GetJob("a")->last_cursor,
            static_cast<int64_t>(cursors.size()));
}

TEST_F(CoordinatorServerTest, PauseAndSaveCrossTheWire) {
  ASSERT_TRUE(client_->CreateJob(Spec("a")).ok());
  EXPECT_EQ(client_->SaveJob("a").status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(client_->PauseJob("a")->state, JobState::kPaused);
  EXPECT_EQ(client_->ResumeJob("a", {})->state, JobState::kQueued);
}

TEST_F(CoordinatorServerTest, ARepeatedCreateIsOneJob) {
  JobSpec spec = Spec("a");
  spec.priority = 3;
  ASSERT_TRUE(client_->CreateJob(spec).ok());
  ASSERT_TRUE(client_->CreateJob(spec).ok());
  EXPECT_THAT(client_->ListJobs({})->jobs, SizeIs(1));
  EXPECT_EQ(client_->GetJob("a")->priority, 3);
  spec.priority = 4;
  EXPECT_EQ(client_->CreateJob(spec).status().code(),
            absl::StatusCode::kAlreadyExists);
}

TEST_F(CoordinatorServerTest, APortInUseIsNamed) {
  auto second =
      CoordinatorServer::Start(server_->address(), coordinator_.get());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(second.status().message(), HasSubstr(server_->address()));
}

TEST_F(CoordinatorServerTest, ListensOnAUnixSocket) {
  const std::string address =
      absl::StrCat("unix:", directory_, "/coordinator.sock");
  auto server = CoordinatorServer::Start(address, coordinator_.get());
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_EQ(NewTrainingClient({address})->GetServerInfo()->version, "test");
}

TEST(TrainingClientTest, AnAbsentServiceIsNamed) {
  auto client =
      NewTrainingClient({"unix:/nonexistent/socket", absl::Milliseconds(300)});
  const absl::Status status = client->GetJob("a").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("unix:/nonexistent/socket"));
}

TEST(TrainingClientTest, AWatchGivesUpOnAServiceThatStaysAway) {
  auto client = NewTrainingClient(
      {"unix:/nonexistent/socket", absl::Seconds(5), absl::Milliseconds(500)});
  const absl::Time begin = absl::Now();
  const absl::Status status =
      client->WatchJob({.id = "a"}, [](const JobEvent&) { return true; });
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_GE(absl::Now() - begin, absl::Milliseconds(500));
  EXPECT_LT(absl::Now() - begin, absl::Seconds(20));
}

}  // namespace
}  // namespace halfpipe
