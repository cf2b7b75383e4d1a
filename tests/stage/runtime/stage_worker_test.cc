#include "stage/runtime/stage_worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "common/base/failure.h"
#include "common/base/log.h"
#include "support/fake_coordinator_client.h"
#include "support/fake_stage_backend.h"

namespace halfpipe {
namespace {

using testing::ElementsAre;

StageWorker::Options FastOptions() {
  StageWorker::Options options;
  options.poll_wait = absl::Milliseconds(20);
  options.heartbeat_interval = absl::Milliseconds(5);
  options.first_pause = absl::Milliseconds(1);
  options.longest_pause = absl::Milliseconds(5);
  options.conflict_timeout = absl::Milliseconds(50);
  options.stop_grace = absl::Milliseconds(300);
  options.fatal_report_timeout = absl::Milliseconds(50);
  options.forgotten_step_grace = absl::Milliseconds(30);
  return options;
}

StepCommand StepNumber(int64_t step) {
  StepCommand command;
  command.plan.step = Step(step);
  return command;
}

class StageWorkerTest : public testing::Test {
 protected:
  void SetUp() override { SetMinLogLevel(LogLevel::kError); }

  void TearDown() override { SetMinLogLevel(LogLevel::kInfo); }

  WorkerExit RunWorker(std::stop_token stop = {}) {
    StageInfo info;
    info.pair = "default";
    StageWorker worker(info, &backend_, &client_, &client_, FastOptions());
    return worker.Run(std::move(stop));
  }

  FakeCoordinatorClient client_;
  FakeStageBackend backend_;
};

TEST_F(StageWorkerTest, RunsCommandsInOrderUntilShutdown) {
  client_.Queue(Epoch(1), ScanCommand{});
  client_.Queue(Epoch(1), EncodeCommand{});
  client_.Queue(Epoch(1), OpenLinkCommand{});
  client_.Queue(Epoch(1), StartCommand{});
  client_.Queue(Epoch(1), StepNumber(5));
  client_.Queue(Epoch(1), SaveCommand{});
  client_.Queue(Epoch(1), ExportCommand{});
  client_.Queue(Epoch(1), EndCommand{});
  client_.Queue(Epoch(1), ShutdownCommand{});
  EXPECT_EQ(RunWorker().code, ExitCode::kOk);
  EXPECT_THAT(backend_.ran(),
              ElementsAre("scan", "encode", "open-link", "start", "step",
                          "save", "export", "end"));
  const auto reports = client_.AwaitReports(9);
  ASSERT_EQ(reports.size(), 9u);
  EXPECT_EQ(reports[4].sequence, 5);
  EXPECT_EQ(std::get<StepResult>(reports[4].body).report.step, Step(5));
  EXPECT_TRUE(std::holds_alternative<ShutdownResult>(reports[8].body));
}

TEST_F(StageWorkerTest, AnOldEpochIsAbortedWithoutBeingRun) {
  client_.Queue(Epoch(3), StartCommand{});
  client_.Queue(Epoch(2), StepNumber(1));
  client_.Queue(Epoch(3), ShutdownCommand{});
  EXPECT_EQ(RunWorker().code, ExitCode::kOk);
  EXPECT_THAT(backend_.ran(), ElementsAre("start"));
  const auto reports = client_.AwaitReports(3);
  ASSERT_EQ(reports.size(), 3u);
  EXPECT_TRUE(absl::IsAborted(reports[1].status));
}

TEST_F(StageWorkerTest, ACoordinatorThatComesAndGoesLosesNothing) {
  client_.FailRegister(absl::UnavailableError("starting"));
  client_.FailRegister(absl::AlreadyExistsError("lease of the dead one"));
  client_.FailNext(absl::UnavailableError("away"));
  client_.FailReport(absl::UnavailableError("away"));
  client_.FailReport(absl::DeadlineExceededError("slow"));
  client_.Queue(Epoch(1), StepNumber(1));
  client_.Queue(Epoch(1), ShutdownCommand{});
  EXPECT_EQ(RunWorker().code, ExitCode::kOk);
  EXPECT_THAT(backend_.ran(), ElementsAre("step"));
  EXPECT_EQ(client_.AwaitReports(2).size(), 2u);
  EXPECT_EQ(client_.registrations(), 1);
}

TEST_F(StageWorkerTest, ARestartedCoordinatorIsJoinedAgain) {
  client_.FailNext(absl::FailedPreconditionError("not registered"));
  client_.FailReport(absl::FailedPreconditionError("not registered"));
  client_.Queue(Epoch(1), StepNumber(1));  // its result has no taker
  client_.Queue(Epoch(2), StartCommand{});
  client_.Queue(Epoch(2), ShutdownCommand{});
  EXPECT_EQ(RunWorker().code, ExitCode::kOk);
  EXPECT_EQ(client_.registrations(), 3);
  const auto reports = client_.AwaitReports(2);
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_EQ(reports[0].sequence, 1);
  EXPECT_EQ(reports[0].epoch, Epoch(2));
}

TEST_F(StageWorkerTest, AResultThatIsRefusedOnceIsSentAgain) {
  client_.FailReport(absl::InternalError(""));
  client_.Queue(Epoch(1), StepNumber(1));
  client_.Queue(Epoch(1), ShutdownCommand{});
  EXPECT_EQ(RunWorker().code, ExitCode::kOk);
  EXPECT_THAT(backend_.ran(), ElementsAre("step"));
  const auto reports = client_.AwaitReports(2);
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_TRUE(reports[0].status.ok());
}

// Nobody would ever hear of the command.
TEST_F(StageWorkerTest, AResultThatStaysRefusedBecomesAFailure) {
  client_.FailReport(absl::InternalError("unread"));
  client_.FailReport(absl::InternalError("unread"));
  client_.Queue(Epoch(1), StepNumber(1));
  client_.Queue(Epoch(1), ShutdownCommand{});
  EXPECT_EQ(RunWorker().code, ExitCode::kOk);
  const auto reports = client_.AwaitReports(2);
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_EQ(reports[0].sequence, 1);
  EXPECT_EQ(reports[0].epoch, Epoch(1));
  // Internal would be a fault of this process's device.
  EXPECT_TRUE(absl::IsFailedPrecondition(reports[0].status));
  EXPECT_THAT(std::string(reports[0].status.message()),
              testing::HasSubstr("could not be delivered: unread"));
}

TEST_F(StageWorkerTest, AReasonToRefuseIsHandedOnAtOnce) {
  client_.FailReport(absl::InvalidArgumentError("no UTF-8"));
  client_.Queue(Epoch(1), StepNumber(1));
  client_.Queue(Epoch(1), ShutdownCommand{});
  EXPECT_EQ(RunWorker().code, ExitCode::kOk);
  const auto reports = client_.AwaitReports(2);
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_TRUE(absl::IsInvalidArgument(reports[0].status));
}

TEST_F(StageWorkerTest, WhereNothingIsTakenItRegistersAnew) {
  for (int i = 0; i < 4; ++i) client_.FailReport(absl::InternalError(""));
  client_.Queue(Epoch(1), StepNumber(1));
  client_.Queue(Epoch(2), ShutdownCommand{});
  EXPECT_EQ(RunWorker().code, ExitCode::kOk);
  EXPECT_EQ(client_.registrations(), 2);
}

// Its job learns from that that the command is lost.
TEST_F(StageWorkerTest, AfterACommandThatCannotBeReadItRegistersAnew) {
  for (int i = 0; i < 3; ++i) client_.FailNext(absl::InternalError(""));
  client_.Queue(Epoch(1), ShutdownCommand{});
  EXPECT_EQ(RunWorker().code, ExitCode::kOk);
  EXPECT_EQ(client_.registrations(), 2);
  EXPECT_EQ(client_.AwaitReports(1).size(), 1u);
}

TEST_F(StageWorkerTest, ARegistrationThatIsNeverTakenEndsTheProcess) {
  for (int i = 0; i < 1000; ++i) {
    client_.FailRegister(absl::InternalError("unread"));
  }
  const WorkerExit exit = RunWorker();
  EXPECT_EQ(exit.code, ExitCode::kTryAgain);
  EXPECT_TRUE(absl::IsInternal(exit.reason));
}

TEST_F(StageWorkerTest, ARefusalForGoodEndsTheProcess) {
  client_.FailRegister(absl::PermissionDeniedError("wrong token"));
  EXPECT_EQ(RunWorker().code, ExitCode::kInvalidInput);
}

TEST_F(StageWorkerTest, APlaceThatStaysTakenEndsTheProcess) {
  for (int i = 0; i < 1000; ++i) {
    client_.FailRegister(absl::AlreadyExistsError("taken"));
  }
  const WorkerExit exit = RunWorker();
  EXPECT_EQ(exit.code, ExitCode::kTryAgain);
  EXPECT_TRUE(absl::IsAlreadyExists(exit.reason));
}

TEST_F(StageWorkerTest, ADeviceFaultIsReportedAndEndsTheProcess) {
  EncodeCommand encode;
  encode.samples.push_back({});
  encode.samples[0].prompt = "fault";
  client_.Queue(Epoch(1), encode);
  const WorkerExit exit = RunWorker();
  EXPECT_EQ(exit.code, ExitCode::kTryAgain);
  EXPECT_EQ(exit.reason, absl::InternalError("device fault"));
  EXPECT_EQ(client_.AwaitReports(1).size(), 1u);
}

TEST_F(StageWorkerTest, AFailureSaysItsKindAndItsStage) {
  EncodeCommand encode;
  encode.samples.push_back({});
  encode.samples[0].prompt = "fault";
  client_.Queue(Epoch(1), encode);
  StageInfo info;
  info.pair = "default";
  info.rank = Rank(1);
  StageWorker worker(info, &backend_, &client_, &client_, FastOptions());
  (void)worker.Run({});
  const auto reports = client_.AwaitReports(1);
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(FailureOf(reports[0].status),
            (Failure{.kind = FailureKind::kInternal,
                     .remedy = Remedy::kEndJob,
                     .stage = 1}));
}

TEST_F(StageWorkerTest, HeartbeatsSayWhatRunsAndAbandonIt) {
  client_.Queue(Epoch(4), StepNumber(-1));  // blocks until it is stopped
  client_.Queue(Epoch(4), ShutdownCommand{});
  client_.set_heartbeat_reply({.abandon = true, .epoch = Epoch(4)});
  EXPECT_EQ(RunWorker().code, ExitCode::kOk);
  const auto reports = client_.AwaitReports(2);
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_TRUE(absl::IsCancelled(reports[0].status));
  const auto heartbeats = client_.heartbeats();
  ASSERT_FALSE(heartbeats.empty());
  EXPECT_EQ(heartbeats.back().epoch, Epoch(4));
  EXPECT_EQ(heartbeats.back().step, Step(7));
  EXPECT_EQ(heartbeats.back().activity, "training");
  EXPECT_EQ(heartbeats.back().progress.work, StageWork::kTraining);
}

TEST_F(StageWorkerTest, HeartbeatsTellWhatWasLoggedUntilItIsHeard) {
  RecentLines lines;
  lines.Add(LogLevel::kInfo, "model loaded");
  client_.FailHeartbeat(absl::UnavailableError("away"));
  client_.Queue(Epoch(4), StepNumber(-1));  // blocks until it is stopped
  client_.Queue(Epoch(4), ShutdownCommand{});
  client_.set_heartbeat_reply({.abandon = true, .epoch = Epoch(4)});
  StageWorker::Options options = FastOptions();
  options.lines = &lines;
  StageInfo info;
  info.pair = "default";
  StageWorker worker(info, &backend_, &client_, &client_, options);
  EXPECT_EQ(worker.Run({}).code, ExitCode::kOk);
  int times = 0;
  for (const StageHeartbeat& heartbeat : client_.heartbeats()) {
    for (const StageLine& line : heartbeat.lines) {
      EXPECT_EQ(line.text, "model loaded");
      ++times;
    }
  }
  EXPECT_EQ(times, 2);  // the first time nobody listened
}

TEST_F(StageWorkerTest, AFailuresLinesComeBeforeItAndHaveItsEpoch) {
  RecentLines lines;
  EncodeCommand fails;
  fails.samples = {{.prompt = "fault", .latents_path = "", .context_path = ""}};
  client_.Queue(Epoch(4), EndCommand{});
  client_.Queue(Epoch(5), fails);
  StageWorker::Options options = FastOptions();
  options.lines = &lines;
  options.heartbeat_interval = absl::Hours(1);  // none by itself
  SetMinLogLevel(LogLevel::kWarning);
  SetLogTap([&lines](LogLevel level, absl::string_view text) {
    lines.Add(level, text);
  });
  StageInfo info;
  info.pair = "default";
  StageWorker worker(info, &backend_, &client_, &client_, options);
  EXPECT_EQ(worker.Run({}).code, ExitCode::kTryAgain);
  SetLogTap(nullptr);
  EXPECT_FALSE(client_.AwaitReports(2)[1].status.ok());
  bool told = false;
  for (const StageHeartbeat& heartbeat : client_.heartbeats()) {
    for (const StageLine& line : heartbeat.lines) {
      if (!absl::StartsWith(line.text, "command failed")) continue;
      EXPECT_EQ(line.epoch, Epoch(5));
      told = true;
    }
  }
  EXPECT_TRUE(told);
}

TEST_F(StageWorkerTest, ANewerEpochInAHeartbeatEndsTheCommand) {
  client_.Queue(Epoch(4), StepNumber(-1));
  client_.Queue(Epoch(5), ShutdownCommand{});
  client_.set_heartbeat_reply({.abandon = false, .epoch = Epoch(5)});
  EXPECT_EQ(RunWorker().code, ExitCode::kOk);
  EXPECT_FALSE(client_.AwaitReports(2)[0].status.ok());
}

TEST_F(StageWorkerTest, ACoordinatorThatForgotUsEndsTheCommand) {
  client_.Queue(Epoch(1), StepNumber(-1));
  client_.Queue(Epoch(1), ShutdownCommand{});
  for (int i = 0; i < 1000; ++i) {
    client_.FailHeartbeat(absl::FailedPreconditionError("not registered"));
  }
  EXPECT_EQ(RunWorker().code, ExitCode::kOk);
  EXPECT_TRUE(absl::IsCancelled(client_.AwaitReports(2)[0].status));
}

// A step that ends when it is let go, whatever its stop token says.
class StuckBackend : public FakeStageBackend {
 public:
  absl::StatusOr<StepResult> Step(const StepCommand&,
                                  std::stop_token) override {
    released.WaitForNotification();
    return absl::CancelledError("at last");
  }

  absl::Notification released;
};

class StuckStageTest : public StageWorkerTest {
 protected:
  // Runs one step until on_hang lets it go; returns what that was told.
  std::string RunStuck(const StageWorker::Options& with) {
    StuckBackend backend;
    std::string told;
    StageWorker::Options options = with;
    options.on_hang = [&](absl::string_view what) {
      told = std::string(what);
      backend.released.Notify();
    };
    client_.Queue(Epoch(4), StepNumber(1));
    client_.Queue(Epoch(5), ShutdownCommand{});
    StageInfo info;
    info.pair = "default";
    StageWorker worker(info, &backend, &client_, &client_, options);
    EXPECT_EQ(worker.Run({}).code, ExitCode::kOk);
    return told;
  }
};

TEST_F(StuckStageTest, AStuckCommandThatDoesNotEndIsAHang) {
  client_.set_heartbeat_reply({.epoch = Epoch(4), .stuck = true});
  StageWorker::Options options = FastOptions();
  options.stuck_timeout = absl::Milliseconds(30);
  EXPECT_EQ(RunStuck(options),
            "command 1 of epoch 4 was given up and does not end");
}

TEST_F(StuckStageTest, AnAbandonedStepThatDoesNotEndIsAHang) {
  client_.set_heartbeat_reply({.abandon = false, .epoch = Epoch(5)});
  StageWorker::Options options = FastOptions();
  options.abandon_timeout = absl::Milliseconds(30);
  const absl::Time begin = absl::Now();
  EXPECT_NE(RunStuck(options), "");
  EXPECT_GE(absl::Now() - begin, absl::Milliseconds(30));
}

TEST_F(StageWorkerTest, ACommandThatEndsInTimeIsNoHang) {
  client_.Queue(Epoch(4), StepNumber(-1));  // ends when it is stopped
  client_.set_heartbeat_reply({.epoch = Epoch(4), .stuck = true});
  StageWorker::Options options = FastOptions();
  options.stuck_timeout = absl::Milliseconds(40);
  std::atomic<int> hangs{0};
  options.on_hang = [&](absl::string_view) { ++hangs; };
  StageInfo info;
  info.pair = "default";
  StageWorker worker(info, &backend_, &client_, &client_, options);
  std::thread coordinator([&] {
    client_.AwaitReports(1);
    absl::SleepFor(absl::Milliseconds(80));
    client_.Queue(Epoch(4), ShutdownCommand{});
  });
  EXPECT_EQ(worker.Run({}).code, ExitCode::kOk);
  coordinator.join();
  EXPECT_TRUE(absl::IsCancelled(client_.AwaitReports(2)[0].status));
  EXPECT_EQ(hangs, 0);
}

// Steps take a while, and are what the stage then holds.
class HoldingBackend : public FakeStageBackend {
 public:
  absl::StatusOr<StepResult> Step(const StepCommand& command,
                                  std::stop_token stop) override {
    for (int i = 0; i < 60; ++i) {
      if (stop.stop_requested()) return absl::CancelledError("abandoned");
      absl::SleepFor(absl::Milliseconds(1));
    }
    LoadedJob held;
    held.start.job = "j";
    held.steps_done = command.plan.step.value() + 1;
    held_ = std::make_shared<LoadedJob>(held);
    return FakeStageBackend::Step(command, stop);
  }

  std::shared_ptr<const LoadedJob> loaded() const override { return held_; }

 private:
  std::shared_ptr<const LoadedJob> held_;
};

TEST_F(StageWorkerTest, ARestartedCoordinatorFindsTheStepThatWasRunning) {
  HoldingBackend backend;
  client_.Queue(Epoch(1), StepNumber(4));
  // From the first heartbeat on nobody knows this stage.
  for (int i = 0; i < 8; ++i) {
    client_.FailHeartbeat(absl::FailedPreconditionError("not registered"));
  }
  client_.FailReport(absl::FailedPreconditionError("not registered"));
  client_.Queue(Epoch(2), ShutdownCommand{});
  StageWorker::Options options = FastOptions();
  options.forgotten_step_grace = absl::Seconds(20);
  StageInfo info;
  info.pair = "default";
  StageWorker worker(info, &backend, &client_, &client_, options);
  EXPECT_EQ(worker.Run({}).code, ExitCode::kOk);
  EXPECT_EQ(client_.registrations(), 2);
  const StageInfo registered = client_.registered();
  ASSERT_NE(registered.loaded, nullptr);
  EXPECT_EQ(registered.loaded->start.job, "j");
  EXPECT_EQ(registered.loaded->steps_done, 5);
}

// What on_progress is told, in order, without repetitions.
class Told {
 public:
  void Add(absl::string_view what) {
    absl::MutexLock lock(&mutex_);
    ++count_;
    if (all_.empty() || all_.back() != what) all_.emplace_back(what);
  }

  std::vector<std::string> all() {
    absl::MutexLock lock(&mutex_);
    return all_;
  }

  int count() {
    absl::MutexLock lock(&mutex_);
    return count_;
  }

 private:
  absl::Mutex mutex_;
  std::vector<std::string> all_ ABSL_GUARDED_BY(mutex_);
  int count_ ABSL_GUARDED_BY(mutex_) = 0;
};

TEST_F(StageWorkerTest, ProgressIsToldWhileItGetsOn) {
  client_.FailRegister(absl::UnavailableError("starting"));
  Told told;
  std::stop_source stop;
  StageWorker::Options options = FastOptions();
  options.first_pause = absl::Milliseconds(50);
  options.limits.idle = absl::Milliseconds(500);
  options.on_progress = [&](absl::string_view what) {
    told.Add(what);
    if (what == "training" && told.count() > 20) stop.request_stop();
  };
  StageInfo info;
  info.pair = "default";
  StageWorker worker(info, &backend_, &client_, &client_, options);
  EXPECT_EQ(worker.Run(stop.get_token()).code, ExitCode::kOk);
  EXPECT_THAT(told.all(), testing::Contains("waits for the coordinator"));
  EXPECT_THAT(told.all(), testing::Contains("training"));
}

TEST_F(StageWorkerTest, ACommandThatStandsStillIsSilent) {
  client_.Queue(Epoch(1), StepNumber(-1));  // blocks until it is stopped
  Told told;
  StageWorker::Options options = FastOptions();
  options.limits.in_command = absl::Milliseconds(100);
  options.on_progress = [&](absl::string_view what) { told.Add(what); };
  StageInfo info;
  info.pair = "default";
  std::stop_source stop;
  StageWorker worker(info, &backend_, &client_, &client_, options);
  std::thread watcher([&] {
    // Long after the limit; heartbeats went on all the time.
    absl::SleepFor(absl::Milliseconds(400));
    const int before = told.count();
    const size_t beats = client_.heartbeats().size();
    absl::SleepFor(absl::Milliseconds(300));
    EXPECT_EQ(told.count(), before);
    EXPECT_GT(before, 0);
    EXPECT_GT(client_.heartbeats().size(), beats);
    stop.request_stop();
  });
  EXPECT_EQ(worker.Run(stop.get_token()).code, ExitCode::kOk);
  watcher.join();
}

TEST_F(StageWorkerTest, AStopWithoutAJobEndsAtOnce) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(RunWorker(stop.get_token()).code, ExitCode::kOk);
  EXPECT_TRUE(backend_.ran().empty());
}

TEST_F(StageWorkerTest, AStopWithAJobLeavesTimeToSave) {
  client_.Queue(Epoch(1), StartCommand{});
  client_.Queue(Epoch(1), StepNumber(-1));
  std::stop_source stop;
  std::thread coordinator([&] {
    client_.AwaitReports(1);
    absl::SleepFor(absl::Milliseconds(30));
    stop.request_stop();
    client_.AwaitReports(2);
    client_.Queue(Epoch(1), StepNumber(1));  // refused
    client_.Queue(Epoch(1), SaveCommand{});
    client_.Queue(Epoch(1), EndCommand{});
  });
  EXPECT_EQ(RunWorker(stop.get_token()).code, ExitCode::kOk);
  coordinator.join();
  EXPECT_THAT(backend_.ran(), ElementsAre("start", "save", "end"));
  const auto reports = client_.AwaitReports(5);
  ASSERT_EQ(reports.size(), 5u);
  EXPECT_TRUE(absl::IsCancelled(reports[1].status));
  EXPECT_TRUE(absl::IsCancelled(reports[2].status));
  EXPECT_TRUE(reports[3].status.ok());
}

TEST_F(StageWorkerTest, AStopThatNobodyUsesEndsAfterTheGrace) {
  client_.Queue(Epoch(1), StartCommand{});
  std::stop_source stop;
  std::thread coordinator([&] {
    client_.AwaitReports(1);
    stop.request_stop();
  });
  const absl::Time begin = absl::Now();
  EXPECT_EQ(RunWorker(stop.get_token()).code, ExitCode::kOk);
  coordinator.join();
  EXPECT_LT(absl::Now() - begin, absl::Seconds(2));
}

}  // namespace
}  // namespace halfpipe
