#include "common/metrics/metrics_server.h"

#include <httplib.h>

#include "absl/strings/numbers.h"
#include "common/metrics/coordinator_metrics.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

int PortOf(const std::string& address) {
  int port = 0;
  EXPECT_TRUE(absl::SimpleAtoi(address.substr(address.rfind(':') + 1), &port));
  return port;
}

TEST(MetricsServerTest, ServesMetricsAndHealth) {
  MetricsRegistry registry;
  CoordinatorMetrics metrics(&registry);
  metrics.OnRestart();
  std::string problem;
  auto server = MetricsServer::Start("127.0.0.1:0", &registry,
                                     [&problem] { return problem; });
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_NE(PortOf((*server)->address()), 0);

  httplib::Client client("127.0.0.1", PortOf((*server)->address()));
  auto response = client.Get("/metrics");
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 200);
  EXPECT_THAT(response->get_header_value("Content-Type"),
              HasSubstr("version=0.0.4"));
  EXPECT_THAT(response->body, HasSubstr("halfpipe_job_restarts_total 1\n"));

  response = client.Get("/healthz");
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 200);
  problem = "the database is full";
  response = client.Get("/healthz");
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 503);
  EXPECT_THAT(response->body, HasSubstr("full"));
  EXPECT_EQ(client.Get("/other")->status, 404);
}

TEST(MetricsServerTest, APortInUseIsNamed) {
  MetricsRegistry registry;
  auto first = MetricsServer::Start("127.0.0.1:0", &registry);
  ASSERT_TRUE(first.ok()) << first.status();
  auto second = MetricsServer::Start((*first)->address(), &registry);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(second.status().message(), HasSubstr((*first)->address()));
}

TEST(MetricsServerTest, AnAddressThatIsNone) {
  MetricsRegistry registry;
  for (const char* address : {"9470", ":9470", "127.0.0.1:", "a:99999"}) {
    EXPECT_EQ(MetricsServer::Start(address, &registry).status().code(),
              absl::StatusCode::kInvalidArgument)
        << address;
  }
}

TEST(MetricsServerTest, StopsAtOnce) {
  MetricsRegistry registry;
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(MetricsServer::Start("127.0.0.1:0", &registry).ok());
  }
}

}  // namespace
}  // namespace halfpipe
