// The real server behind TLS and tokens, and the clients that people and stages
// use: who gets in, who does not, with which code, and what the log says.
#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "common/auth/token_book.h"
#include "common/auth/token_file.h"
#include "common/base/file.h"
#include "common/rpc/channel_credentials.h"
#include "common/rpc/grpc_channel.h"
#include "common/rpc/grpc_coordinator_client.h"
#include "common/rpc/grpc_log.h"
#include "common/rpc/training_client.h"
#include "coordinator/coordinator_server.h"
#include "coordinator/fake_stage.h"
#include "coordinator/job_config_text.h"
#include "gmock/gmock.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/generic/generic_stub.h"
#include "gtest/gtest.h"
#include "support/raw_client.h"
#include "support/test_certificates.h"

namespace halfpipe {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kSecret[] = "hpt_nobody-gave-me-this";

std::string NewDirectory() {
  std::string path = ::testing::TempDir() + "/security_test";
  std::filesystem::remove_all(path);
  std::filesystem::create_directories(path);
  return path;
}

class SecurityTest : public ::testing::Test {
 protected:
  SecurityTest() : metrics_(&registry_) {
    coordinator_options_.clock = [] { return absl::Now(); };
    coordinator_options_.info.version = "test";
    coordinator_options_.max_queued_jobs = 2;
    read_ = *AddToken(tokens_, {"rita", Role::kRead});
    submit_ = *AddToken(tokens_, {"sam", Role::kSubmit});
    admin_ = *AddToken(tokens_, {"ada", Role::kAdmin});
    stage_ = *AddToken(tokens_, {"gpu0", Role::kStage});
    book_ = *TokenBook::Open(tokens_);
    options_.security = {.tls = authority_.Issue("server"),
                         .tokens = book_.get()};
    // Mutual TLS is for the tests that say so.
    options_.security.tls.ca.clear();
  }

  // Starts the server; "localhost" is what its certificate is for.
  void Serve(const std::string& address = "localhost:0") {
    if (coordinator_ == nullptr) {
      coordinator_ = *Coordinator::Create(
          coordinator_options_, *JobStore::Open(directory_ + "/state"),
          ledger_.get(), &metrics_);
    }
    auto server =
        CoordinatorServer::Start(address, coordinator_.get(), options_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  std::unique_ptr<TrainingClient> Client(const std::string& token,
                                         TlsFiles tls) {
    return NewTrainingClient(
        {.address = server_->address(),
         .call_timeout = absl::Seconds(5),
         .security = {.tls = std::move(tls), .token = token}});
  }

  std::unique_ptr<TrainingClient> Client(const std::string& token) {
    return Client(token, {.ca = authority_.ca_file()});
  }

  std::unique_ptr<CoordinatorClient> Stage(const std::string& token,
                                           TlsFiles tls) {
    return NewGrpcCoordinatorClient(
        {.address = server_->address(),
         .call_timeout = absl::Seconds(5),
         .security = {.tls = std::move(tls), .token = token}});
  }

  std::unique_ptr<CoordinatorClient> Stage(const std::string& token) {
    return Stage(token, {.ca = authority_.ca_file()});
  }

  JobSpec Spec(const std::string& id) {
    JobSpec spec;
    spec.id = id;
    spec.config_yaml = JobConfigText(directory_ + "/out/" + id);
    return spec;
  }

  // The code of each kind of call: one answer, and a stream.
  static absl::StatusCode List(TrainingClient& client) {
    return client.ListJobs({}).status().code();
  }

  static absl::StatusCode Watch(TrainingClient& client) {
    return client
        .WatchJob({.id = "none", .follow = false},
                  [](const JobEvent&) { return true; })
        .code();
  }

  const std::string directory_ = NewDirectory();
  const std::string tokens_ = directory_ + "/tokens";
  const TestAuthority authority_{directory_, "ca"};
  const TestAuthority stranger_{directory_, "stranger"};
  MetricsRegistry registry_;
  CoordinatorMetrics metrics_;
  const std::unique_ptr<CheckpointLedger> ledger_ = NewFileCheckpointLedger();
  Coordinator::Options coordinator_options_;
  std::unique_ptr<Coordinator> coordinator_;
  std::string read_, submit_, admin_, stage_;
  std::unique_ptr<TokenBook> book_;
  ServerOptions options_;
  std::unique_ptr<CoordinatorServer> server_;
};

TEST_F(SecurityTest, ATokenIsAskedForByUnaryCallsAndStreams) {
  Serve();
  for (const std::string& token : {std::string(), std::string(kSecret)}) {
    const auto client = Client(token);
    EXPECT_EQ(List(*client), absl::StatusCode::kUnauthenticated);
    EXPECT_EQ(Watch(*client), absl::StatusCode::kUnauthenticated);
    EXPECT_EQ(Stage(token)->Register(MakeStageInfo(0)).code(),
              absl::StatusCode::kUnauthenticated);
  }
  EXPECT_THAT(Client("")->ListJobs({}).status().message(),
              HasSubstr("HALFPIPE_TOKEN"));
  const auto client = Client(read_);
  EXPECT_EQ(List(*client), absl::StatusCode::kOk);
  EXPECT_EQ(Watch(*client), absl::StatusCode::kNotFound);  // it came through
}

TEST_F(SecurityTest, ARoleMayWhatItIsForAndNoMore) {
  Serve();
  const auto denied = absl::StatusCode::kPermissionDenied;
  const auto reader = Client(read_);
  EXPECT_EQ(reader->CreateJob(Spec("a")).status().code(), denied);
  EXPECT_EQ(Client(submit_)->CreateJob(Spec("a")).status().code(),
            absl::StatusCode::kOk);
  EXPECT_EQ(reader->CancelJob("a", true).status().code(), denied);
  EXPECT_EQ(reader->ResumeJob("a", {}).status().code(), denied);
  EXPECT_EQ(reader->GetJob("a").status().code(), absl::StatusCode::kOk);
  EXPECT_EQ(Client(admin_)->CancelJob("a", true).status().code(),
            absl::StatusCode::kOk);
  // Stages and people do not take each other's places.
  EXPECT_EQ(List(*Client(stage_)), denied);
  EXPECT_EQ(Watch(*Client(stage_)), denied);
  EXPECT_EQ(Stage(admin_)->Register(MakeStageInfo(0)).code(), denied);
  const auto stage = Stage(stage_);
  EXPECT_TRUE(stage->Register(MakeStageInfo(0)).ok());
  EXPECT_TRUE(stage->Heartbeat({}).ok());
}

TEST_F(SecurityTest, ARemovedTokenStopsWorking) {
  Serve();
  const auto client = Client(submit_);
  EXPECT_EQ(List(*client), absl::StatusCode::kOk);
  ASSERT_TRUE(RemoveToken(tokens_, "sam").ok());
  ASSERT_TRUE(book_->Reload().ok());
  EXPECT_EQ(List(*client), absl::StatusCode::kUnauthenticated);
}

TEST_F(SecurityTest, WhatARemovedTokenHasOpenEnds) {
  Serve();
  ASSERT_TRUE(Client(submit_)->CreateJob(Spec("a")).ok());
  const auto reader = Client(read_);
  std::atomic<bool> watching = false;
  absl::Status watched;
  std::thread watch([&] {
    watched = reader->WatchJob(
        {.id = "a"}, [&](const JobEvent&) { return watching = true; });
  });
  const auto stage = Stage(stage_);
  ASSERT_TRUE(stage->Register(MakeStageInfo(0)).ok());
  absl::Status polled;
  std::thread poll(
      [&] { polled = stage->NextCommand(0, absl::Seconds(60)).status(); });
  while (!watching) absl::SleepFor(absl::Milliseconds(5));
  // Somebody else's watch goes on.
  std::stop_source stop;
  absl::Status other;
  std::thread others([&] {
    other = Client(admin_)->WatchJob({.id = "a", .stop = stop.get_token()},
                                     [](const JobEvent&) { return true; });
  });
  const absl::Time begin = absl::Now();
  ASSERT_TRUE(RemoveToken(tokens_, "rita").ok());
  ASSERT_TRUE(RemoveToken(tokens_, "gpu0").ok());
  std::atomic<int> ended = 0;
  std::thread joiner([&] {
    watch.join();
    poll.join();
    ended = 1;
  });
  while (ended == 0 && absl::Now() < begin + absl::Seconds(20)) {
    server_->Tick(absl::Now());
    absl::SleepFor(absl::Milliseconds(20));
  }
  EXPECT_EQ(ended, 1);
  EXPECT_LT(absl::Now() - begin, absl::Seconds(10));
  stop.request_stop();
  others.join();
  if (ended == 0) server_->Shutdown(absl::ZeroDuration());
  joiner.join();
  EXPECT_EQ(watched.code(), absl::StatusCode::kUnauthenticated) << watched;
  EXPECT_EQ(polled.code(), absl::StatusCode::kUnauthenticated) << polled;
  EXPECT_EQ(other.code(), absl::StatusCode::kCancelled) << other;
}

TEST_F(SecurityTest, NamesThatATerminalWouldObeyAreRefused) {
  Serve();
  const auto client = Client(submit_);
  const auto stage = Stage(stage_);
  for (const std::string evil : {"x\x1b]2;owned\x07", "x\r", "x\ny",
                                 "\xc2\x9b"
                                 "2J",
                                 "a\xe2\x80\xae"
                                 "b",
                                 "\xe2\x81\xa6"}) {
    JobSpec spec = Spec("evil");
    spec.labels = {{"team", evil}};
    EXPECT_TRUE(absl::IsInvalidArgument(client->CreateJob(spec).status()));
    spec.labels = {{evil, "red"}};
    EXPECT_TRUE(absl::IsInvalidArgument(client->CreateJob(spec).status()));
    spec.labels.clear();
    spec.pair = evil;
    EXPECT_TRUE(absl::IsInvalidArgument(client->CreateJob(spec).status()));
    for (std::string StageInfo::*field :
         {&StageInfo::pair, &StageInfo::host, &StageInfo::device,
          &StageInfo::device_name, &StageInfo::gpu_uuid, &StageInfo::version,
          &StageInfo::arithmetic}) {
      StageInfo info = MakeStageInfo(0);
      info.*field = evil;
      EXPECT_TRUE(absl::IsInvalidArgument(stage->Register(info)));
      info.*field = std::string(300, 'x');
      EXPECT_TRUE(absl::IsInvalidArgument(stage->Register(info)));
    }
  }
  EXPECT_TRUE(absl::IsNotFound(client->GetJob("evil").status()));
  // Levels and lengths of what becomes events.
  ASSERT_TRUE(stage->Register(MakeStageInfo(0)).ok());
  StageHeartbeat heartbeat;
  heartbeat.lines = {{static_cast<LogLevel>(7), "a"}};
  EXPECT_TRUE(absl::IsInvalidArgument(stage->Heartbeat(heartbeat).status()));
  heartbeat.lines = {{LogLevel::kError, "a"}};
  EXPECT_TRUE(stage->Heartbeat(heartbeat).ok());
}

TEST_F(SecurityTest, AStageIsOfThePairThatItsTokenIsFor) {
  const std::string left = *AddToken(
      tokens_, {.name = "left", .role = Role::kStage, .pair = "left"});
  ASSERT_TRUE(book_->Reload().ok());
  Serve();
  StageInfo info = MakeStageInfo(0);
  const auto stage = Stage(left);
  EXPECT_TRUE(absl::IsPermissionDenied(stage->Register(info)));
  info.pair = "left";
  EXPECT_TRUE(stage->Register(info).ok());
  EXPECT_TRUE(stage->Heartbeat({}).ok());
  // Every call is looked at: here the token gets another pair under its stage.
  std::string text = *ReadTokenText(tokens_);
  text.replace(text.find("pair=left"), 9, "pair=mine");
  ASSERT_TRUE(WriteFileAtomically(tokens_, text).ok());
  ASSERT_TRUE(book_->Reload().ok());
  EXPECT_TRUE(absl::IsPermissionDenied(
      stage->NextCommand(0, absl::ZeroDuration()).status()));
  EXPECT_TRUE(absl::IsPermissionDenied(stage->Report({})));
  EXPECT_TRUE(absl::IsPermissionDenied(stage->Heartbeat({}).status()));
}

TEST_F(SecurityTest, AStageOfAnotherVersionGetsNoJob) {
  coordinator_options_.stages.version = "1.2.0";
  Serve();
  const auto stage = Stage(stage_);
  StageInfo info = MakeStageInfo(0);
  info.version = "1.1.0";
  const absl::Status refused = stage->Register(info);
  EXPECT_TRUE(absl::IsFailedPrecondition(refused));
  EXPECT_THAT(refused.message(), HasSubstr("install the same version"));
  info.version = "1.2.0";
  info.protocol = 0;
  EXPECT_TRUE(absl::IsFailedPrecondition(stage->Register(info)));
  info.protocol = kStageProtocol;
  EXPECT_TRUE(stage->Register(info).ok());
}

TEST_F(SecurityTest, ATokenMayCountOnlyWithItsCertificate) {
  const std::string bound = *AddToken(
      tokens_, {.name = "box", .role = Role::kStage, .certificate = "gpu-box"});
  const std::string person = *AddToken(
      tokens_, {.name = "kim", .role = Role::kRead, .certificate = "kim"});
  ASSERT_TRUE(book_->Reload().ok());
  options_.security.tls.ca = authority_.ca_file();
  Serve();
  EXPECT_TRUE(absl::IsPermissionDenied(
      Stage(bound, authority_.Issue("other"))->Register(MakeStageInfo(0))));
  EXPECT_TRUE(Stage(bound, authority_.Issue("gpu-box"))
                  ->Register(MakeStageInfo(0))
                  .ok());
  EXPECT_EQ(List(*Client(person, authority_.Issue("kim"))),
            absl::StatusCode::kOk);
  EXPECT_EQ(List(*Client(person, authority_.Issue("gpu-box"))),
            absl::StatusCode::kPermissionDenied);
  // Where nobody asks for a certificate, it does not count.
  EXPECT_FALSE(book_->IsPerson(person));
  EXPECT_TRUE(book_->IsPerson(read_));
}

TEST_F(SecurityTest, TokensWorkOnThisMachineWithoutTls) {
  options_.security.tls = {};
  for (const std::string& address :
       {std::string("127.0.0.1:0"), "unix:" + directory_ + "/hp.sock"}) {
    Serve(address);
    EXPECT_EQ(List(*Client("", {})), absl::StatusCode::kUnauthenticated);
    EXPECT_EQ(List(*Client(kSecret, {})), absl::StatusCode::kUnauthenticated);
    EXPECT_EQ(List(*Client(read_, {})), absl::StatusCode::kOk);
    EXPECT_EQ(Watch(*Client(read_, {})), absl::StatusCode::kNotFound);
  }
}

TEST_F(SecurityTest, MutualTlsAsksForACertificate) {
  options_.security.tls.ca = authority_.ca_file();
  Serve();
  const auto away = absl::StatusCode::kUnavailable;
  EXPECT_EQ(List(*Client(read_)), away);  // a token is not enough
  TlsFiles wrong = stranger_.Issue("client");
  wrong.ca = authority_.ca_file();
  EXPECT_EQ(List(*Client(read_, wrong)), away);
  const TlsFiles good = authority_.Issue("client");
  EXPECT_EQ(List(*Client(read_, good)), absl::StatusCode::kOk);
  EXPECT_EQ(List(*Client("", good)), absl::StatusCode::kUnauthenticated);
}

TEST_F(SecurityTest, AServerWithABadCertificateIsNotTrusted) {
  KeepGrpcLog();
  // Expired while it ran; at start OpenServiceSecurity refuses it.
  options_.security.tls =
      authority_.Issue("old", absl::Now() - absl::Minutes(1));
  options_.security.tls.ca.clear();
  Serve();
  const absl::Status expired = Client(read_)->ListJobs({}).status();
  EXPECT_EQ(expired.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(expired.message(), HasSubstr(server_->address()));
  EXPECT_THAT(expired.message(), HasSubstr("certificate verify failed"));
  EXPECT_THAT(expired.message(), HasSubstr(authority_.ca_file()));
  options_.security.tls = stranger_.Issue("server");
  options_.security.tls.ca.clear();
  Serve();
  EXPECT_EQ(List(*Client(read_)), absl::StatusCode::kUnavailable);
}

TEST_F(SecurityTest, AnExpiredClientCertificateFailsTheHandshake) {
  options_.security.tls.ca = authority_.ca_file();
  Serve();
  const TlsFiles old =
      authority_.Issue("client", absl::Now() - absl::Minutes(1));
  // The client says so itself...
  const absl::Status own = Client(read_, old)->ListJobs({}).status();
  EXPECT_EQ(own.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(own.message(), HasSubstr("has expired"));
  // ... and one that does not is turned away.
  EXPECT_EQ(
      NewGrpcCoordinatorClient({.address = server_->address(),
                                .call_timeout = absl::Seconds(3),
                                .security = {.tls = old, .token = stage_}})
          ->Register(MakeStageInfo(0))
          .code(),
      absl::StatusCode::kUnavailable);
}

TEST_F(SecurityTest, ARenewedCertificateIsTakenUp) {
  options_.security.tls =
      authority_.Issue("server", absl::Now() - absl::Minutes(1));
  options_.security.tls.ca.clear();
  Serve();
  EXPECT_EQ(List(*Client(read_)), absl::StatusCode::kUnavailable);
  (void)authority_.Issue("server");  // the same files
  const absl::Time until = absl::Now() + absl::Seconds(30);
  while (List(*Client(read_)) != absl::StatusCode::kOk) {
    ASSERT_LT(absl::Now(), until);
  }
}

TEST_F(SecurityTest, PathsStayInTheRoots) {
  coordinator_options_.roots = {.data = {directory_ + "/data"},
                                .models = {directory_ + "/models"},
                                .outputs = {directory_ + "/out"}};
  Serve();
  const auto client = Client(submit_);
  EXPECT_TRUE(client->CreateJob(Spec("a")).ok());
  ::testing::internal::CaptureStderr();
  JobSpec outside = Spec("b");
  outside.config_yaml = JobConfigText("/etc/halfpipe");
  for (const bool validate_only : {false, true}) {
    outside.validate_only = validate_only;
    const absl::Status refused = client->CreateJob(outside).status();
    EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(refused.message(), HasSubstr("output.dir: '/etc/halfpipe'"));
  }
  JobSpec dots = Spec("c");
  dots.config_yaml = JobConfigText("../../etc");
  dots.base_dir = directory_ + "/out";
  EXPECT_EQ(client->CreateJob(dots).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              ContainsRegex("msg=\"job refused\" method=CreateJob id=b .*"
                            "reason=\".*output.dir: ..?/etc/halfpipe"));
  EXPECT_TRUE(absl::IsNotFound(client->GetJob("b").status()));
}

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

TEST_F(SecurityTest, RefusalsAreInTheLogAndSecretsAreNot) {
  options_.security.tls.ca = authority_.ca_file();
  const TlsFiles tls = authority_.Issue("rita-laptop");
  Serve();
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(List(*Client(kSecret, tls)), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(List(*Client("", tls)), absl::StatusCode::kUnauthenticated);
  const absl::Status denied = Client(read_, tls)->CreateJob(Spec("a")).status();
  EXPECT_EQ(denied.code(), absl::StatusCode::kPermissionDenied);
  const std::string log = ::testing::internal::GetCapturedStderr();
  const std::string head =
      "msg=\"call refused\" method=/halfpipe.v1.TrainingService/";
  EXPECT_THAT(log, HasSubstr(head + "ListJobs reason=\"unknown token\""));
  EXPECT_THAT(log, HasSubstr(head + "ListJobs reason=\"no token\""));
  EXPECT_THAT(log,
              HasSubstr(head + "CreateJob reason=\"the role may not\" "
                               "token=rita role=read certificate=rita-laptop"));
  for (const std::string& secret : {std::string(kSecret), read_}) {
    EXPECT_THAT(log, Not(HasSubstr(secret)));
    EXPECT_THAT(std::string(denied.message()), Not(HasSubstr(secret)));
  }
}

}  // namespace
}  // namespace halfpipe
