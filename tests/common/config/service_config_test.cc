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

TEST(ServiceConfigTest, ReadsWhoGetsInAndHowMuch) {
  auto config = ParseServiceConfig(
      "listen_address: unix:/run/halfpipe/hp.sock\n"
      "tls: {certificate: a.crt, key: a.key, client_ca: ca.crt}\n"
      "tokens: /etc/halfpipe/tokens\n"
      "roots: {data: [/data, /more], models: [/models], outputs: [/out]}\n"
      "limits: {message_size: 16MiB, config_size: 64KiB, queued_jobs: 7,\n"
      "  watches: 3, queued_bytes: 5MiB}\n"
      "retention: {days: 30, ended_jobs: 9}\n",
      "service.yaml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->listen_address, "unix:/run/halfpipe/hp.sock");
  EXPECT_EQ(config->tls.certificate, "a.crt");
  EXPECT_EQ(config->tls.client_ca, "ca.crt");
  EXPECT_EQ(config->tokens, "/etc/halfpipe/tokens");
  EXPECT_EQ(config->roots.data, (std::vector<std::string>{"/data", "/more"}));
  EXPECT_EQ(config->limits.message_bytes, 16 << 20);
  EXPECT_EQ(config->limits.config_bytes, 64 << 10);
  EXPECT_EQ(config->limits.queued_jobs, 7);
  EXPECT_EQ(config->limits.queued_bytes, 5 << 20);
  EXPECT_EQ(config->retention.days, 30);
  EXPECT_EQ(config->retention.ended_jobs, 9);
  EXPECT_EQ(config->limits.watches, 3);
  auto again = ParseServiceConfig(ToYaml(*config), "service.yaml");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(ToYaml(*again), ToYaml(*config));
}

TEST(ServiceConfigTest, RootsAreCompleteAndAbsolute) {
  auto config = ParseServiceConfig(
      "roots:\n  data: [data]\n  models: []\n"
      "limits: {message_size: 1B}\n",
      "service.yaml");
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(config.status().message(),
            "service.yaml:1: roots.models: is missing: with roots, each of "
            "data, models and outputs has at least one folder\n"
            "service.yaml:1: roots.outputs: is missing: with roots, each of "
            "data, models and outputs has at least one folder\n"
            "service.yaml:2: roots.data: expected absolute paths, found "
            "'data'\n"
            "service.yaml:4: limits.message_size: expected a size from 1MiB "
            "to 1GiB, found 1B");
}

}  // namespace
}  // namespace halfpipe
