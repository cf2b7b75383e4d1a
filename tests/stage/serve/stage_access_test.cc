#include "stage/serve/stage_access.h"

#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "support/test_certificates.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

constexpr char kOpen[] = "0.0.0.0:0";

class StageAccessTest : public ::testing::Test {
 protected:
  StageAccessTest() : directory_(NewDirectory()), authority_(directory_, "ca") {
    options_.security.tls = authority_.Issue("stage");
    options_.tokens = directory_ + "/tokens";
    reader_ = *AddToken(options_.tokens, {"prometheus", Role::kRead});
    stage_ = *AddToken(options_.tokens, {"gpu0", Role::kStage});
  }

  static std::string NewDirectory() {
    std::string path = ::testing::TempDir() + "/stage_access_test";
    std::filesystem::remove_all(path);
    std::filesystem::create_directories(path);
    return path;
  }

  const std::string directory_;
  const TestAuthority authority_;
  StageAccessOptions options_;
  std::string reader_;
  std::string stage_;
};

TEST_F(StageAccessTest, OnOneMachineItIsOpen) {
  const auto access = OpenStageAccess({}, "unix:/run/hp", "127.0.0.1:0");
  ASSERT_TRUE(access.ok()) << access.status();
  EXPECT_EQ(access->metrics.may_read, nullptr);
  EXPECT_EQ(access->coordinator.token, "");
}

TEST_F(StageAccessTest, MetricsForOthersNeedKeys) {
  const auto access = OpenStageAccess(options_, "gpu-box:50700", kOpen);
  ASSERT_TRUE(access.ok()) << access.status();
  ASSERT_NE(access->metrics.may_read, nullptr);
  EXPECT_TRUE(access->metrics.may_read(reader_));
  EXPECT_FALSE(access->metrics.may_read(stage_));
  EXPECT_FALSE(access->metrics.may_read(""));
  EXPECT_EQ(access->metrics.certificate, options_.security.tls.certificate);

  options_.tokens.clear();
  EXPECT_THAT(
      OpenStageAccess(options_, "gpu-box:50700", kOpen).status().message(),
      HasSubstr("set --tokens"));
  EXPECT_THAT(OpenStageAccess({}, "127.0.0.1:1", kOpen).status().message(),
              HasSubstr("set --cert and --key and --tokens"));
}

TEST_F(StageAccessTest, ATokenIsNotSentInTheClear) {
  options_.security.tls = {};
  options_.security.token = "hpt_x";
  EXPECT_TRUE(absl::IsInvalidArgument(
      OpenStageAccess(options_, "gpu-box:50700", "127.0.0.1:0").status()));
}

}  // namespace
}  // namespace halfpipe
