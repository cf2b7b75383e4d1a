#include "common/rpc/grpc_log.h"

#include "gmock/gmock.h"
#include "grpc/support/log.h"
#include "gtest/gtest.h"
#include "halfpipe/v1/jobs.pb.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// As gRPC's own start does.
class GrpcLogTest : public ::testing::Test {
 protected:
  GrpcLogTest() { gpr_log_verbosity_init(); }
};

TEST_F(GrpcLogTest, ErrorsAreLinesOfOurLog) {
  RouteGrpcLog();
  ::testing::internal::CaptureStderr();
  gpr_log("src/core/tls.cc", 12, GPR_LOG_SEVERITY_ERROR, "Handshake %s",
          "failed");
  gpr_log("src/core/tls.cc", 13, GPR_LOG_SEVERITY_INFO, "hello");
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("level=warning msg=gRPC what=\"Handshake "
                             "failed\" source=tls.cc:12\n"));
  EXPECT_THAT(log, Not(HasSubstr("hello")));
}

TEST_F(GrpcLogTest, OrAreKeptForOneMessage) {
  KeepGrpcLog();
  ::testing::internal::CaptureStderr();
  gpr_log("a.cc", 1, GPR_LOG_SEVERITY_ERROR, "first");
  gpr_log("a.cc", 1, GPR_LOG_SEVERITY_ERROR, "certificate verify failed");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(LastGrpcError(), "certificate verify failed");
}

// What protobuf says where a message's text is no UTF-8.
std::string SaidOfBadText() {
  v1::LogLine line;
  line.set_text("caf\xe9");
  ::testing::internal::CaptureStderr();
  (void)line.SerializeAsString();
  return ::testing::internal::GetCapturedStderr();
}

TEST_F(GrpcLogTest, ProtobufsLinesAreOursToo) {
  RouteGrpcLog();
  const std::string log = SaidOfBadText();
  EXPECT_THAT(log, HasSubstr("level=warning msg=protobuf what="));
  EXPECT_THAT(log, Not(HasSubstr("[libprotobuf")));
}

TEST_F(GrpcLogTest, NoLineOfProtobufsReachesThePerson) {
  KeepGrpcLog();
  EXPECT_EQ(SaidOfBadText(), "");
}

}  // namespace
}  // namespace halfpipe
