// The real server behind TLS and tokens, and the clients that people and stages
// use: who gets in, who does not, with which code, and what the log says.
#include <atomic>
#include <filesystem>
#include <thread>

#include "common/base/file.h"
#include "common/rpc/grpc_log.h"
#include "coordinator/security_fixture.h"
#include "gmock/gmock.h"

namespace halfpipe {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

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

TEST_F(SecurityTest, WhatIsDoneToAJobIsInTheLogWithWhoDidIt) {
  Serve();
  const auto client = Client(submit_);
  ::testing::internal::CaptureStderr();
  ASSERT_TRUE(client->CreateJob(Spec("a")).ok());
  ASSERT_TRUE(client->PauseJob("a").ok());
  ASSERT_TRUE(client->ResumeJob("a", {}).ok());
  ASSERT_TRUE(Client(admin_)->CancelJob("a", true).ok());
  EXPECT_FALSE(client->PauseJob("none").ok());
  const std::string log = ::testing::internal::GetCapturedStderr();
  for (const char* what :
       {"job submitted", "job to be paused", "job to be resumed"}) {
    EXPECT_THAT(log, ContainsRegex(absl::StrCat(
                         "msg=\"", what,
                         "\" job=a name=.* token=sam role=submit peer=")));
  }
  EXPECT_THAT(log, ContainsRegex("msg=\"job to be cancelled at once\" job=a "
                                 ".* token=ada role=admin"));
  EXPECT_THAT(log, Not(HasSubstr("job=none")));
  EXPECT_THAT(log, Not(HasSubstr(submit_)));
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
