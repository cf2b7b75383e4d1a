#include "common/auth/exposure.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

ListenRequest Request(absl::string_view address, bool tls, bool tokens) {
  return {.what = "listen_address",
          .address = address,
          .has_tls = tls,
          .has_tokens = tokens,
          .tls_setting = "tls.certificate",
          .tokens_setting = "tokens"};
}

TEST(ExposureTest, ThisMachineNeedsNoKeys) {
  for (const char* address : {"127.0.0.1:0", "[::1]:7", "unix:/run/hp", ""}) {
    EXPECT_TRUE(CheckExposure(Request(address, false, false)).ok()) << address;
  }
}

TEST(ExposureTest, OtherAddressesNeedBoth) {
  EXPECT_TRUE(CheckExposure(Request("0.0.0.0:7", true, true)).ok());
  const absl::Status none = CheckExposure(Request("0.0.0.0:7", false, false));
  EXPECT_EQ(none.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(none.message(), HasSubstr("listen_address: "));
  EXPECT_THAT(none.message(), HasSubstr("set tls.certificate and tokens"));
  const absl::Status no_tls = CheckExposure(Request("[::]:7", false, true));
  EXPECT_THAT(no_tls.message(), HasSubstr("set tls.certificate,"));
  const absl::Status no_tokens = CheckExposure(Request("gpu:7", true, false));
  EXPECT_THAT(no_tokens.message(), HasSubstr("set tokens,"));
  EXPECT_THAT(no_tokens.message(), Not(HasSubstr("tls.certificate")));
}

}  // namespace
}  // namespace halfpipe
