// A real server behind TLS and tokens, with a token of each role.
#ifndef HP_TESTS_COORDINATOR_SECURITY_FIXTURE_H_
#define HP_TESTS_COORDINATOR_SECURITY_FIXTURE_H_

#include <filesystem>
#include <memory>
#include <string>

#include "absl/time/clock.h"
#include "client/jobs/training_client.h"
#include "common/auth/token_book.h"
#include "common/auth/token_file.h"
#include "coordinator/api/coordinator_server.h"
#include "coordinator/fake_stage.h"
#include "coordinator/job_config_text.h"
#include "gtest/gtest.h"
#include "stage/serve/grpc_coordinator_client.h"
#include "support/test_certificates.h"

namespace halfpipe {

inline constexpr char kSecret[] = "hpt_nobody-gave-me-this";

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

  static std::string NewDirectory() {
    std::string path = ::testing::TempDir() + "/security_test";
    std::filesystem::remove_all(path);
    std::filesystem::create_directories(path);
    return path;
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

}  // namespace halfpipe

#endif  // HP_TESTS_COORDINATOR_SECURITY_FIXTURE_H_
