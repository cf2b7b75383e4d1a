// A coordinator of one job on as many stages as it is told, which the job's key
// pipeline.stages, 1 or 2, cannot say: the product's JobRunner behind the
// product's StageService. It has no queue, no store and no pairs; the stage
// programs do not know it from the real one.
//
//   many_stages ADDRESS JOB.yaml STAGES
//
// ADDRESS is unix:/path. Ends with 0 when the job is done, 1 when it failed.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/file.h"
#include "common/base/status.h"
#include "common/base/steady_clock.h"
#include "common/config/job_config.h"
#include "common/rpc/grpc_channel.h"
#include "common/rpc/stage_conversion.h"
#include "common/rpc/status_conversion.h"
#include "coordinator/run/job_runner.h"
#include "coordinator/store/job_state.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "halfpipe/v1/stages.grpc.pb.h"

namespace halfpipe {
namespace {

constexpr absl::Duration kPoll = absl::Milliseconds(5);

// The runner, its commands and its stages. Thread-safe.
class OneJob : public JobRunnerHost {
 public:
  explicit OneJob(JobPlan plan)
      : places_(static_cast<size_t>(plan.config.pipeline.stages)),
        runner_(std::move(plan), {}, ledger_.get(), this) {}

  // The stages' side.
  absl::Status Register(const StageInfo& info) {
    absl::MutexLock lock(&mutex_);
    HP_RETURN_IF_ERROR(CheckRank(info.rank));
    places_[IndexOf(info.rank)] = {};
    runner_.OnJoined(info, SteadyNow());
    return absl::OkStatus();
  }

  // The first command behind `last_sequence`; nullopt: there is none yet.
  absl::StatusOr<std::optional<StageCommand>> Next(Rank rank,
                                                   int64_t last_sequence) {
    absl::MutexLock lock(&mutex_);
    HP_RETURN_IF_ERROR(CheckRank(rank));
    Place& place = places_[IndexOf(rank)];
    while (!place.queue.empty() &&
           place.queue.front().sequence <= last_sequence) {
      place.queue.pop_front();
    }
    if (place.queue.empty()) return std::optional<StageCommand>();
    place.delivered = std::max(place.delivered, place.queue.front().sequence);
    return std::optional<StageCommand>(place.queue.front());
  }

  absl::Status Report(Rank rank, const CommandResult& result) {
    absl::MutexLock lock(&mutex_);
    HP_RETURN_IF_ERROR(CheckRank(rank));
    runner_.OnResult(rank, result, SteadyNow());
    return absl::OkStatus();
  }

  absl::StatusOr<HeartbeatReply> Heartbeat(Rank rank,
                                           const StageHeartbeat& heartbeat) {
    absl::MutexLock lock(&mutex_);
    HP_RETURN_IF_ERROR(CheckRank(rank));
    runner_.OnHeartbeat(rank, heartbeat, SteadyNow());
    HeartbeatReply reply;
    reply.abandon = runner_.WantsAbandon(rank);
    reply.epoch = epoch_;
    reply.stuck = runner_.IsStuck(rank, heartbeat);
    return reply;
  }

  // The main thread's side: before the first stage comes, and to the end.
  void Begin() {
    absl::MutexLock lock(&mutex_);
    runner_.Begin({}, SteadyNow());
  }

  absl::Status Run() {
    while (true) {
      absl::SleepFor(kPoll);
      absl::MutexLock lock(&mutex_);
      runner_.OnTick(SteadyNow());
      if (!runner_.finished()) continue;
      if (state_ == JobState::kDone) return absl::OkStatus();
      return error_.ok() ? absl::UnknownError(JobStateName(state_)) : error_;
    }
  }

  // JobRunnerHost, called by the runner and so under the lock.
  int64_t Send(Rank rank, CommandBody body) override {
    Place& place = places_[IndexOf(rank)];
    place.queue.push_back({++place.last, epoch_, std::move(body)});
    return place.last;
  }

  int64_t Retract(Rank rank) override {
    Place& place = places_[IndexOf(rank)];
    while (!place.queue.empty() &&
           place.queue.back().sequence > place.delivered) {
      place.queue.pop_back();
    }
    place.last = place.delivered;
    return place.last;
  }

  absl::StatusOr<Epoch> NewEpoch() override {
    epoch_ = Epoch(epoch_.value() + 1);
    for (size_t rank = 0; rank < places_.size(); ++rank) {
      Retract(Rank(static_cast<int32_t>(rank)));
    }
    return epoch_;
  }

  void ChangeState(JobTrigger trigger, const std::string& reason,
                   const absl::Status& error) override
      ABSL_NO_THREAD_SAFETY_ANALYSIS {
    state_ = NextJobState(state_, trigger).value_or(JobState::kFailed);
    if (!error.ok()) error_ = error;
    std::fprintf(stderr, "%s %s\n", std::string(JobStateName(state_)).c_str(),
                 reason.c_str());
  }

  void SetReason(const std::string& reason) override {
    std::fprintf(stderr, "%s\n", reason.c_str());
  }

  void Emit(const JobEventBody& event) override {
    if (const auto* line = std::get_if<LogLine>(&event)) {
      std::fprintf(stderr, "%s\n", line->text.c_str());
    }
  }

  void OnReports(const std::vector<StepReport>& /*reports*/) override {}

  void OnNonFiniteStep() override {}

  void OnRestart(absl::string_view /*reason_word*/) override {}

  absl::Status CommitCheckpoint(const Checkpoint& /*checkpoint*/) override {
    return absl::OkStatus();
  }

  void ForgetCheckpoint(const Checkpoint& /*checkpoint*/) override {}

  void AdoptCheckpoint(const Checkpoint& /*checkpoint*/) override {}

  void SetForecasts(const std::vector<StageForecast>& /*forecasts*/) override {}

  void SetExports(const std::vector<std::string>& /*paths*/) override {}

 private:
  struct Place {
    std::deque<StageCommand> queue;  // not yet known to have arrived
    int64_t last = 0;                // sequence that was given
    int64_t delivered = 0;
  };

  static size_t IndexOf(Rank rank) { return static_cast<size_t>(rank.value()); }

  absl::Status CheckRank(Rank rank) {
    if (rank.value() >= 0 && IndexOf(rank) < places_.size()) {
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(
        absl::StrCat("the job has no stage ", rank.value()));
  }

  absl::Mutex mutex_;  // guards all of it
  const std::unique_ptr<CheckpointLedger> ledger_ = NewFileCheckpointLedger();
  std::vector<Place> places_;
  Epoch epoch_;
  JobState state_ = JobState::kQueued;
  absl::Status error_;
  JobRunner runner_;
};

class OneJobService final : public v1::StageService::Service {
 public:
  explicit OneJobService(OneJob* job) : job_(job) {}

  grpc::Status Register(grpc::ServerContext*,
                        const v1::RegisterRequest* request,
                        v1::RegisterResponse*) override {
    return ToGrpcStatus(job_->Register(FromProto(*request)));
  }

  grpc::Status NextCommand(grpc::ServerContext* context,
                           const v1::NextCommandRequest* request,
                           v1::NextCommandResponse* response) override {
    const Rank rank = FromProto(request->identity()).rank;
    const absl::Time deadline =
        SteadyNow() + absl::Seconds(request->wait_seconds());
    while (!context->IsCancelled()) {
      const auto command = job_->Next(rank, request->last_sequence());
      if (!command.ok()) return ToGrpcStatus(command.status());
      if (command->has_value()) {
        *response->mutable_command() = ToProto(**command);
        break;
      }
      if (SteadyNow() >= deadline) break;
      absl::SleepFor(kPoll);
    }
    return grpc::Status::OK;
  }

  grpc::Status Report(grpc::ServerContext*, const v1::ReportRequest* request,
                      v1::ReportResponse*) override {
    const absl::StatusOr<CommandResult> result = FromProto(*request);
    if (!result.ok()) return ToGrpcStatus(result.status());
    return ToGrpcStatus(
        job_->Report(FromProto(request->identity()).rank, *result));
  }

  grpc::Status Heartbeat(grpc::ServerContext*,
                         const v1::HeartbeatRequest* request,
                         v1::HeartbeatResponse* response) override {
    const absl::StatusOr<HeartbeatReply> reply = job_->Heartbeat(
        FromProto(request->identity()).rank, FromProto(*request));
    if (!reply.ok()) return ToGrpcStatus(reply.status());
    *response = ToProto(*reply);
    return grpc::Status::OK;
  }

 private:
  OneJob* const job_;
};

absl::StatusOr<JobPlan> ReadPlan(const std::string& path, int32_t stages) {
  HP_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  JobPlan plan;
  plan.id = "many-stages";
  HP_ASSIGN_OR_RETURN(plan.config, ParseJobConfig(text, path));
  plan.config_yaml = ToYaml(plan.config);
  plan.config_digest = ConfigDigest(plan.config);
  plan.config.pipeline.stages = stages;
  return plan;
}

absl::Status RunJob(const std::string& address, const std::string& path,
                    int32_t stages) {
  HP_ASSIGN_OR_RETURN(JobPlan plan, ReadPlan(path, stages));
  OneJob job(std::move(plan));
  job.Begin();
  OneJobService service(&job);
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address, grpc::InsecureServerCredentials());
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.SetMaxSendMessageSize(kMaxMessageBytes);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) {
    return absl::UnavailableError(absl::StrCat("cannot listen on ", address));
  }
  const absl::Status done = job.Run();
  server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
  return done;
}

}  // namespace
}  // namespace halfpipe

// Whatever escapes ends the program, as it should.
// NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) {
  int32_t stages = 0;
  if (argc != 4 || !absl::SimpleAtoi(argv[3], &stages) || stages < 1) {
    std::fprintf(stderr, "usage: many_stages ADDRESS JOB.yaml STAGES\n");
    return 64;
  }
  const absl::Status done = halfpipe::RunJob(argv[1], argv[2], stages);
  if (done.ok()) return 0;
  std::fprintf(stderr, "many_stages: %s\n", done.ToString().c_str());
  return 1;
}
