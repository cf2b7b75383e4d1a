// Every command against a service that refuses its calls as gRPC does where one
// side cannot read a message: it ends at once, and says something.
#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "client/client_test_support.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "halfpipe/v1/jobs.grpc.pb.h"

namespace halfpipe {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// Answers each call with `status`, or, if that is OK, with a job whose text its
// client cannot read.
class RefusingService : public v1::TrainingService::Service {
 public:
  explicit RefusingService(grpc::Status status) : status_(std::move(status)) {}

  grpc::Status CreateJob(grpc::ServerContext*, const v1::CreateJobRequest*,
                         v1::CreateJobResponse* response) override {
    return Answer(response->mutable_job());
  }

  grpc::Status GetJob(grpc::ServerContext*, const v1::GetJobRequest*,
                      v1::GetJobResponse* response) override {
    return Answer(response->mutable_job());
  }

  grpc::Status ListJobs(grpc::ServerContext*, const v1::ListJobsRequest*,
                        v1::ListJobsResponse* response) override {
    return Answer(response->add_jobs());
  }

  grpc::Status WatchJob(
      grpc::ServerContext*, const v1::WatchJobRequest*,
      grpc::ServerWriter<v1::WatchJobResponse>* writer) override {
    if (!status_.ok()) return status_;
    v1::WatchJobResponse response;
    response.mutable_event()->mutable_log()->set_text("\xe9");
    writer->Write(response);
    return grpc::Status::OK;
  }

  grpc::Status CancelJob(grpc::ServerContext*, const v1::CancelJobRequest*,
                         v1::CancelJobResponse* response) override {
    return Answer(response->mutable_job());
  }

  grpc::Status ResumeJob(grpc::ServerContext*, const v1::ResumeJobRequest*,
                         v1::ResumeJobResponse* response) override {
    return Answer(response->mutable_job());
  }

  grpc::Status PauseJob(grpc::ServerContext*, const v1::PauseJobRequest*,
                        v1::PauseJobResponse* response) override {
    return Answer(response->mutable_job());
  }

  grpc::Status SaveJob(grpc::ServerContext*, const v1::SaveJobRequest*,
                       v1::SaveJobResponse* response) override {
    return Answer(response->mutable_job());
  }

  grpc::Status GetTrace(grpc::ServerContext*, const v1::GetTraceRequest*,
                        v1::GetTraceResponse* response) override {
    response->add_steps()->add_stages()->add_actions()->set_action("\xe9");
    return status_;
  }

  grpc::Status CreatePageTicket(grpc::ServerContext*,
                                const v1::CreatePageTicketRequest*,
                                v1::CreatePageTicketResponse* r) override {
    r->set_address("\xe9");
    return status_;
  }

  grpc::Status GetServerInfo(grpc::ServerContext*,
                             const v1::GetServerInfoRequest*,
                             v1::GetServerInfoResponse* response) override {
    response->set_version("\xe9");
    return status_;
  }

 private:
  grpc::Status Answer(v1::Job* job) {
    job->set_id("a");
    job->set_name("caf\xe9");
    return status_;
  }

  const grpc::Status status_;
};

// The commands that talk to a service, with `address` still to come.
std::vector<std::vector<std::string>> Commands(const std::string& job_file) {
  return {{"submit", job_file, "--no-wait"},
          {"list"},
          {"show", "a"},
          {"watch", "a"},
          {"logs", "a"},
          {"cancel", "a"},
          {"pause", "a"},
          {"resume", "a"},
          {"save", "a"},
          {"stages"},
          {"trace", "a"},
          {"page"}};
}

class RefusedCallsTest : public ::testing::TestWithParam<grpc::StatusCode> {};

TEST_P(RefusedCallsTest, EndTheirCommandWithASentence) {
  RefusingService service(grpc::Status(GetParam(), ""));
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  const TestDirectory directory;
  const std::string job_file =
      directory.Write("job.yaml", ValidJobYaml(directory.Path("out")));
  const std::string address = "127.0.0.1:" + std::to_string(port);
  for (const std::vector<std::string>& command : Commands(job_file)) {
    std::string name;
    std::vector<const char*> arguments;
    for (const std::string& argument : command) {
      name += " " + argument;
      arguments.push_back(argument.c_str());
    }
    SCOPED_TRACE(name);
    arguments.insert(arguments.end(), {"--address", address.c_str()});
    // To gRPC an event that it cannot read is the stream's end.
    if (GetParam() == grpc::StatusCode::OK && name == " logs a") continue;
    const absl::Time begin = absl::Now();
    const CliResult result = RunCli(arguments);
    EXPECT_LT(absl::Now() - begin, absl::Seconds(10));
    EXPECT_EQ(result.code, 1) << result.err;
    EXPECT_THAT(result.err, AllOf(StartsWith("halfpipe: "),
                                  HasSubstr("the service at " + address),
                                  Not(HasSubstr("protobuf"))));
  }
}

INSTANTIATE_TEST_SUITE_P(AsGrpcDoes, RefusedCallsTest,
                         testing::Values(grpc::StatusCode::INTERNAL,
                                         grpc::StatusCode::UNKNOWN,
                                         grpc::StatusCode::UNIMPLEMENTED,
                                         // the answer cannot be read
                                         grpc::StatusCode::OK));

}  // namespace
}  // namespace halfpipe
