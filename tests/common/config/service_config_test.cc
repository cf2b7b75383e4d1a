#include "common/config/service_config.h"

#include "gtest/gtest.h"

namespace halfpipe {
namespace {

TEST(ServiceConfigTest, AnEmptyFileIsTheDefaults) {
  auto config = ParseServiceConfig("", "service.yaml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->listen_address, ServiceConfig{}.listen_address);
  EXPECT_EQ(config->log_level, LogLevel::kInfo);
}

TEST(ServiceConfigTest, ReadsItsKeysAndItsOwnYaml) {
  auto config = ParseServiceConfig(
      "listen_address: 0.0.0.0:7000\nmetrics_address: ''\n"
      "state_dir: /tmp/hp\nlog_level: debug\n",
      "service.yaml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->listen_address, "0.0.0.0:7000");
  EXPECT_EQ(config->metrics_address, "");
  EXPECT_EQ(config->state_dir, "/tmp/hp");
  EXPECT_EQ(config->log_level, LogLevel::kDebug);
  auto again = ParseServiceConfig(ToYaml(*config), "service.yaml");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(ToYaml(*again), ToYaml(*config));
}

TEST(ServiceConfigTest, ReportsEveryProblem) {
  auto config = ParseServiceConfig(
      "listen_adress: 1\nlog_level: loud\nmetrics_address: nowhere\n",
      "service.yaml");
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(config.status().message(),
            "service.yaml:1: listen_adress: unknown key: did you mean "
            "'listen_address'?\n"
            "service.yaml:2: log_level: expected one of debug, info, warning, "
            "error, found 'loud'\n"
            "service.yaml:3: metrics_address: expected host:port, found "
            "'nowhere'");
}

}  // namespace
}  // namespace halfpipe
