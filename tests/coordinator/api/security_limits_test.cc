// What one token, one caller or one message may take of the real server.
#include <atomic>
#include <fstream>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/rpc/grpc_channel.h"
#include "coordinator/security_fixture.h"
#include "gmock/gmock.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/generic/generic_stub.h"
#include "support/raw_client.h"

namespace halfpipe {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;

TEST_F(SecurityTest, QuotasNameTheirKey) {
  options_.limits.config_bytes = 1024;
  options_.limits.watches = 1;
  Serve();
  const auto client = Client(submit_);
  ::testing::internal::CaptureStderr();
  JobSpec large = Spec("large");
  large.config_yaml += "# " + std::string(1024, 'x') + "\n";
  const absl::Status too_large = client->CreateJob(large).status();
  EXPECT_EQ(too_large.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(too_large.message(), HasSubstr("limits.config_size"));

  EXPECT_TRUE(client->CreateJob(Spec("a")).ok());
  EXPECT_TRUE(client->CreateJob(Spec("b")).ok());
  const absl::Status full = client->CreateJob(Spec("c")).status();
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(full.message(), HasSubstr("limits.queued_jobs"));
  // One that is there is found all the same: its client may not have heard.
  EXPECT_TRUE(client->CreateJob(Spec("a")).ok());

  std::stop_source stop;
  std::atomic<bool> watching = false;
  std::thread first([&] {
    (void)client->WatchJob({.id = "a", .stop = stop.get_token()},
                           [&](const JobEvent&) { return watching = true; });
  });
  while (!watching) absl::SleepFor(absl::Milliseconds(5));
  const absl::Status second =
      client->WatchJob({.id = "b"}, [](const JobEvent&) { return true; });
  EXPECT_EQ(second.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(second.message(), HasSubstr("limits.watches"));
  stop.request_stop();
  first.join();
  const std::string log = ::testing::internal::GetCapturedStderr();
  for (const auto* const line :
       {"method=CreateJob id=large .*limits.config_size",
        "method=CreateJob id=c .*limits.queued_jobs",
        "method=WatchJob id=b .*limits.watches"}) {
    EXPECT_THAT(log, ContainsRegex(line));
  }
}

// Silent ones, those that begin HTTP/2 and those whose token is not known hold
// places that others need, and are not to keep them.
TEST_F(SecurityTest, AFloodOfConnectionsKeepsNobodyOut) {
  options_.limits.connections = 40;
  for (const bool has_tls : {true, false}) {
    if (!has_tls) options_.security.tls = {};
    Serve(has_tls ? "localhost:0" : "127.0.0.1:0");
    const TlsFiles tls =
        has_tls ? TlsFiles{.ca = authority_.ca_file()} : TlsFiles{};
    const auto before = Client(read_, tls);
    EXPECT_EQ(List(*before), absl::StatusCode::kOk);
    std::vector<RawClient> flood;
    for (int i = 0; i < 200; ++i) {
      flood.emplace_back(server_->address());
      if (i % 2 == 0) {
        (void)flood.back().Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
      }
    }
    EXPECT_EQ(List(*Client(kSecret, tls)), absl::StatusCode::kUnauthenticated);
    EXPECT_EQ(List(*Client(read_, tls)), absl::StatusCode::kOk);
    EXPECT_TRUE(flood[0].IsClosedWithin(absl::Seconds(5)));
    // Who has been let in stays.
    EXPECT_EQ(List(*before), absl::StatusCode::kOk);
  }
}

TEST_F(SecurityTest, AConnectionThatProvesNothingEnds) {
  options_.security.tls = {};
  Serve("127.0.0.1:0");
  RawClient silent(server_->address());
  // The call is refused, so it proves nothing.
  const auto refused = Client(kSecret, {});
  EXPECT_EQ(List(*refused), absl::StatusCode::kUnauthenticated);
  EXPECT_TRUE(silent.IsClosedWithin(absl::Seconds(30)));
}

TEST_F(SecurityTest, OneTokenLeavesRoomForTheOthers) {
  coordinator_options_.max_queued_jobs = 100;
  options_.limits.queued_jobs_per_token = 1;
  options_.limits.watches_per_token = 1;
  Serve();
  const auto sam = Client(submit_);
  const auto ada = Client(admin_);
  ASSERT_TRUE(sam->CreateJob(Spec("a")).ok());
  const absl::Status second = sam->CreateJob(Spec("b")).status();
  EXPECT_EQ(second.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(second.message(), HasSubstr("limits.queued_jobs_per_token"));
  EXPECT_TRUE(sam->CreateJob(Spec("a")).ok());  // it is there
  EXPECT_TRUE(ada->CreateJob(Spec("b")).ok());
  ASSERT_TRUE(sam->CancelJob("a", true).ok());
  EXPECT_TRUE(sam->CreateJob(Spec("c")).ok());

  std::stop_source stop;
  std::atomic<bool> watching = false;
  std::thread first([&] {
    (void)sam->WatchJob({.id = "c", .stop = stop.get_token()},
                        [&](const JobEvent&) { return watching = true; });
  });
  while (!watching) absl::SleepFor(absl::Milliseconds(5));
  const absl::Status more =
      sam->WatchJob({.id = "c"}, [](const JobEvent&) { return true; });
  EXPECT_EQ(more.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(more.message(), HasSubstr("limits.watches_per_token"));
  EXPECT_TRUE(ada->WatchJob({.id = "c", .follow = false},
                            [](const JobEvent&) { return true; })
                  .ok());
  stop.request_stop();
  first.join();
}

// The most memory that this process has held, MiB.
int64_t PeakMemoryMib() {
  std::ifstream status("/proc/self/status");
  std::string word;
  int64_t kib = 0;
  while (status >> word) {
    if (word == "VmHWM:" && status >> kib) return kib / 1024;
  }
  return 0;
}

// One call of `bytes` of zeros, past our own client's limit.
grpc::Status Send(const std::string& address,
                  const ConnectionSecurity& security, size_t bytes) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxSendMessageSize(-1);
  grpc::GenericStub stub(grpc::CreateCustomChannel(
      address, MakeChannelCredentials(address, security), arguments));
  grpc::ClientContext context;
  PrepareCall(absl::Seconds(60), /*wait=*/true, &context);
  grpc::CompletionQueue queue;
  const grpc::Slice slice(bytes);
  const grpc::ByteBuffer request(&slice, 1);
  grpc::ByteBuffer response;
  grpc::Status status;
  const auto call = stub.PrepareUnaryCall(
      &context, "/halfpipe.v1.TrainingService/CreateJob", request, &queue);
  call->StartCall();
  call->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  return status;
}

TEST_F(SecurityTest, AMessageOfAGibibyteIsRefusedWithoutHarm) {
  options_.limits.message_bytes = int64_t{4} << 20;
  Serve();
  constexpr size_t kGibibyte = size_t{1} << 30;
  const TlsFiles tls = {.ca = authority_.ca_file()};
  // Of a stranger nothing is read at all.
  EXPECT_EQ(Send(server_->address(), {.tls = tls, .token = kSecret}, kGibibyte)
                .error_code(),
            grpc::StatusCode::UNAUTHENTICATED);
  [[maybe_unused]] const int64_t before = PeakMemoryMib();
  const grpc::Status refused =
      Send(server_->address(), {.tls = tls, .token = submit_}, kGibibyte);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  // The zeros of this process are no pages of their own. A sanitizer's shadow
  // of them is.
  EXPECT_LT(PeakMemoryMib() - before, 512);
#endif
  const grpc::Status small =
      Send(server_->address(), {.tls = tls, .token = submit_}, size_t{5} << 20);
  EXPECT_EQ(small.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  const absl::Status explained =
      ExplainSizeLimit(absl::ResourceExhaustedError(small.error_message()));
  EXPECT_THAT(explained.message(), HasSubstr("limits.message_size"));
  EXPECT_EQ(List(*Client(read_)), absl::StatusCode::kOk);
  // Both are told once, though not always together: the call before may be
  // about to end when the first look comes.
  absl::Time now = absl::Now();
  ::testing::internal::CaptureStderr();
  for (int window = 0; window < 20; ++window) {
    server_->Tick(now);
    absl::SleepFor(absl::Milliseconds(10));
    now += absl::Seconds(20);
    server_->Tick(now);
  }
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, AllOf(HasSubstr("call refused"),
                         HasSubstr("limits.message_size (4194304 bytes)")));
  int calls = 0;
  for (absl::string_view line : absl::StrSplit(log, '\n')) {
    const size_t at = line.rfind("calls=");
    int more = 0;
    if (at == absl::string_view::npos) continue;
    ASSERT_TRUE(absl::SimpleAtoi(line.substr(at + 6), &more)) << line;
    calls += more;
  }
  EXPECT_EQ(calls, 2) << log;
}

TEST_F(SecurityTest, AResultThatIsTooLargeFailsItsCommand) {
  options_.limits.message_bytes = int64_t{1} << 20;
  Serve();
  const auto stage = Stage(stage_);
  ASSERT_TRUE(stage->Register(MakeStageInfo(0)).ok());
  ASSERT_TRUE(Client(submit_)->CreateJob(Spec("a")).ok());
  const auto other = Stage(stage_);
  ASSERT_TRUE(other->Register(MakeStageInfo(1)).ok());
  const auto command = stage->NextCommand(0, absl::Seconds(5));
  ASSERT_TRUE(command.ok()) << command.status();
  ASSERT_TRUE(std::holds_alternative<ScanCommand>(command->body));
  ScanResult scan;
  scan.samples.resize(1);
  scan.samples[0].prompt = std::string(size_t{2} << 20, 'x');
  CommandResult result;
  result.sequence = command->sequence;
  result.epoch = command->epoch;
  result.body = scan;
  EXPECT_TRUE(stage->Report(result).ok());
  const auto job = Client(read_)->GetJob("a");
  ASSERT_TRUE(job.ok());
  EXPECT_EQ(job->state, JobState::kFailed);
  EXPECT_THAT(std::string(job->error.message()),
              HasSubstr("limits.message_size"));
}

}  // namespace
}  // namespace halfpipe
