// Messages that do not arrive: a whole job over real sockets with stages that
// work as theirs do, of whose messages one kind is refused. The job goes on, or
// ends within seconds with a sentence.
#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "client/jobs/training_client.h"
#include "common/base/log.h"
#include "coordinator/api/coordinator_server.h"
#include "coordinator/fake_stage.h"
#include "coordinator/job_config_text.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "stage/runtime/stage_worker.h"
#include "stage/serve/grpc_coordinator_client.h"
#include "support/refusing_client.h"

namespace halfpipe {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// FakeStage's answers as a backend.
class AnsweringBackend : public StageBackend {
 public:
  explicit AnsweringBackend(FakeStage stage) : stage_(stage) {}

  ScanResult scanned;  // what is said in addition to FakeStage's

  absl::StatusOr<ScanResult> Scan(const ScanCommand& c,
                                  std::stop_token) override {
    ScanResult result = Answer<ScanResult>(c);
    for (const SampleRef& sample : scanned.samples) {
      result.samples.push_back(sample);
    }
    result.warnings = scanned.warnings;
    return result;
  }

  absl::StatusOr<EncodeResult> Encode(const EncodeCommand& c,
                                      std::stop_token) override {
    return Answer<EncodeResult>(c);
  }

  absl::StatusOr<OpenLinkResult> OpenLink(const OpenLinkCommand& c,
                                          std::stop_token) override {
    return Answer<OpenLinkResult>(c);
  }

  absl::StatusOr<StartResult> Start(Epoch, const StartCommand& c,
                                    std::stop_token) override {
    return Answer<StartResult>(c);
  }

  absl::StatusOr<StepResult> Step(const StepCommand& c,
                                  std::stop_token) override {
    return Answer<StepResult>(c);
  }

  absl::StatusOr<SaveResult> Save(const SaveCommand& c,
                                  std::stop_token) override {
    return Answer<SaveResult>(c);
  }

  absl::StatusOr<ExportResult> Export(const ExportCommand& c,
                                      std::stop_token) override {
    return Answer<ExportResult>(c);
  }

  absl::StatusOr<EndResult> End(const EndCommand& c, std::stop_token) override {
    return Answer<EndResult>(c);
  }

  [[nodiscard]] StageActivity activity() const override {
    return {.progress = {.work = StageWork::kTraining}};
  }

 private:
  template <typename Result, typename Command>
  Result Answer(const Command& command) {
    return std::get<Result>(stage_.Answer(CommandBody(command)));
  }

  const FakeStage stage_;
};

// How one kind of message is refused, and by which rank's client.
struct Refusal {
  std::string kind;
  int times = 0;
  absl::Status status;
};

class DeliveryTest : public ::testing::Test {
 protected:
  DeliveryTest() : metrics_(&registry_) {
    SetMinLogLevel(LogLevel::kError);
    std::filesystem::remove_all(directory_);
    Coordinator::Options options;
    options.clock = [] { return absl::Now(); };
    options.stages.lease = absl::Seconds(1);
    auto store = JobStore::Open(directory_ + "/state");
    coordinator_ = *Coordinator::Create(options, *std::move(store),
                                        ledger_.get(), &metrics_);
    auto server = CoordinatorServer::Start("127.0.0.1:0", coordinator_.get());
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    ticker_ = std::thread([this] {
      while (!stop_) {
        coordinator_->Tick();
        absl::SleepFor(absl::Milliseconds(20));
      }
    });
    client_ = NewTrainingClient({server_->address(), absl::Seconds(5)});
  }

  ~DeliveryTest() override {
    stop_ = true;
    ticker_.join();
    server_.reset();
    coordinator_.reset();
    SetMinLogLevel(LogLevel::kInfo);
  }

  // Runs a job with both stages, of which `rank`'s messages are refused. Fails
  // the test where it has not ended after 30 s.
  Job RunJob(const Refusal& refusal, int32_t rank = 0,
             ScanResult scanned = {}) {
    std::vector<std::unique_ptr<AnsweringBackend>> backends;
    std::vector<std::unique_ptr<RefusingClient>> clients;
    std::vector<std::jthread> stages;
    for (int32_t r = 0; r < 2; ++r) {
      backends.push_back(std::make_unique<AnsweringBackend>(
          FakeStage{.rank = r, .write_files = true}));
      backends.back()->scanned = scanned;
      clients.push_back(std::make_unique<RefusingClient>(
          NewGrpcCoordinatorClient({server_->address()}), refusal.kind,
          r == rank ? refusal.times : 0, refusal.status));
      stages.emplace_back(
          [this, r, backend = backends.back().get(),
           client = clients.back().get()](std::stop_token stop) {
            StageWorker::Options options;
            options.poll_wait = absl::Milliseconds(100);
            options.heartbeat_interval = absl::Milliseconds(50);
            options.stop_grace = absl::Milliseconds(200);
            options.first_pause = absl::Milliseconds(20);
            options.longest_pause = absl::Milliseconds(100);
            StageWorker worker(MakeStageInfo(r, ++incarnation_ * 10), backend,
                               client, client, options);
            (void)worker.Run(stop);
          });
    }
    JobSpec spec;
    spec.id = absl::StrCat("job-", ++jobs_);
    spec.config_yaml =
        JobConfigText(absl::StrCat(directory_, "/", spec.id), /*steps=*/2);
    EXPECT_TRUE(client_->CreateJob(spec).ok());
    const absl::Time begin = absl::Now();
    Job job = *client_->GetJob(spec.id);
    while (job.state != JobState::kDone && job.state != JobState::kFailed &&
           absl::Now() - begin < absl::Seconds(40)) {
      absl::SleepFor(absl::Milliseconds(20));
      job = *client_->GetJob(spec.id);
    }
    EXPECT_LT(absl::Now() - begin, absl::Seconds(30)) << "a hang";
    const RefusingClient& refusing = *clients[static_cast<size_t>(rank)];
    // The last messages come after the job's end.
    for (int i = 0; i < 100 && refusal.times > 0 && refusing.refused() == 0;
         ++i) {
      absl::SleepFor(absl::Milliseconds(20));
    }
    EXPECT_EQ(refusing.refused() > 0, refusal.times > 0);
    return job;
  }

  const std::string directory_ = ::testing::TempDir() + "delivery";
  MetricsRegistry registry_;
  CoordinatorMetrics metrics_;
  const std::unique_ptr<CheckpointLedger> ledger_ = NewFileCheckpointLedger();
  std::unique_ptr<Coordinator> coordinator_;
  std::unique_ptr<CoordinatorServer> server_;
  std::unique_ptr<TrainingClient> client_;
  std::atomic<bool> stop_ = false;
  std::thread ticker_;
  std::atomic<uint64_t> incarnation_ = 1;
  int jobs_ = 0;
};

constexpr const char* kResults[] = {"scan", "encode", "open-link", "start",
                                    "step", "save",   "export"};

// As gRPC does with bytes that its other end cannot read: no word of why.
const absl::Status kUnread = absl::InternalError("");

TEST_F(DeliveryTest, WhatIsRefusedOnceIsSentAgain) {
  for (const char* kind :
       {"register", "next", "heartbeat", "scan", "encode", "open-link", "start",
        "step", "save", "export", "end"}) {
    SCOPED_TRACE(kind);
    const Job job = RunJob({kind, 1, kUnread});
    EXPECT_EQ(job.state, JobState::kDone) << job.error;
  }
}

TEST_F(DeliveryTest, AResultThatIsNeverTakenEndsTheJobWithASentence) {
  for (const char* kind : kResults) {
    SCOPED_TRACE(kind);
    const Job job = RunJob({kind, 1000, kUnread});
    EXPECT_EQ(job.state, JobState::kFailed);
    EXPECT_THAT(std::string(job.error.message()),
                HasSubstr("could not be delivered"));
  }
}

// A refusal with a reason is not tried twice, and the reason is handed on.
TEST_F(DeliveryTest, TheReasonReachesThePerson) {
  const Job job = RunJob(
      {"scan", 1, absl::InvalidArgumentError("media_path is not UTF-8 text")});
  EXPECT_EQ(job.state, JobState::kFailed);
  EXPECT_EQ(job.error.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(job.error.message()),
              HasSubstr("media_path is not UTF-8 text"));
}

TEST_F(DeliveryTest, CommandsThatCannotBeReadEndTheJob) {
  const Job job = RunJob({"next", 1000, kUnread});
  EXPECT_EQ(job.state, JobState::kFailed);
  EXPECT_THAT(std::string(job.error.message()), HasSubstr("stage 0"));
}

// Not the coordinator's log lines, nor a lease that runs out: heartbeats may be
// refused for a while.
TEST_F(DeliveryTest, RefusedHeartbeatsDoNotCostAJob) {
  EXPECT_EQ(RunJob({"heartbeat", 20, kUnread}).state, JobState::kDone);
}

// Through the real conversion: bytes in a path end the job by its name.
TEST_F(DeliveryTest, APathThatIsNoTextIsNamed) {
  ScanResult scanned;
  scanned.samples.emplace_back();
  scanned.samples.back().media_path = "/clips/caf\xe9.mp4";
  const Job job = RunJob({"none", 0, {}}, 0, scanned);
  EXPECT_EQ(job.state, JobState::kFailed);
  EXPECT_EQ(job.error.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(job.error.message()),
              AllOf(HasSubstr("/clips/caf\\xE9.mp4"), HasSubstr("UTF-8")));
}

// The coordinator's own refusal: it found out a path (of a scan that did not
// come over the wire) that it cannot send, and answers in the stage's place.
TEST_F(DeliveryTest, ACommandThatCannotBeSentEndsTheJob) {
  JobSpec spec;
  spec.id = "unsendable";
  spec.config_yaml = JobConfigText(directory_ + "/unsendable", /*steps=*/2);
  ASSERT_TRUE(client_->CreateJob(spec).ok());
  std::vector<std::unique_ptr<CoordinatorClient>> stages;
  for (int32_t rank = 0; rank < 2; ++rank) {
    stages.push_back(NewGrpcCoordinatorClient({server_->address()}));
    ASSERT_TRUE(stages.back()->Register(MakeStageInfo(rank)).ok());
  }
  const auto scan = stages[0]->NextCommand(0, absl::Seconds(5));
  ASSERT_TRUE(scan.ok()) << scan.status();
  CommandResult scanned = FakeStage{.rank = 0}.Answer(*scan);
  std::get<ScanResult>(scanned.body).samples[0].media_path = "/caf\xe9.mp4";
  const StageInfo info = MakeStageInfo(0);
  ASSERT_TRUE(
      coordinator_->Report({info.pair, info.rank}, info.incarnation, scanned)
          .ok());
  const auto next = stages[0]->NextCommand(scan->sequence, absl::Seconds(5));
  ASSERT_TRUE(next.ok()) << next.status();
  EXPECT_TRUE(std::holds_alternative<EndCommand>(next->body));
  const Job job = *client_->GetJob(spec.id);
  EXPECT_EQ(job.state, JobState::kFailed);
  EXPECT_EQ(job.error.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(job.error.message()),
              AllOf(HasSubstr("a command for the stage"),
                    HasSubstr("/caf\\xE9.mp4"), HasSubstr("UTF-8")));
}

// What is only read by people arrives with its bytes shown.
TEST_F(DeliveryTest, AWarningThatIsNoTextIsShown) {
  ScanResult scanned;
  scanned.warnings.emplace_back("caf\xe9.txt has no clip");
  const Job job = RunJob({"none", 0, {}}, 0, scanned);
  EXPECT_EQ(job.state, JobState::kDone) << job.error;
  std::string said;
  EXPECT_TRUE(client_
                  ->WatchJob({.id = job.id, .follow = false},
                             [&said](const JobEvent& event) {
                               const auto* line =
                                   std::get_if<LogLine>(&event.what);
                               if (line != nullptr) said += line->text + "\n";
                               return true;
                             })
                  .ok());
  EXPECT_THAT(said, HasSubstr("caf\\xE9.txt has no clip"));
}

}  // namespace
}  // namespace halfpipe
