#include "common/rpc/grpc_log.h"

#include "gmock/gmock.h"
#include "grpc/support/log.h"
#include "gtest/gtest.h"

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

}  // namespace
}  // namespace halfpipe
