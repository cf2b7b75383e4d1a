#include "client/client_test_support.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

TEST(PageCommandTest, PrintsWhereAnOpenPageIs) {
  FakeTrainingClient client;
  client.page = {.address = "127.0.0.1:9700", .tls = false, .ticket = ""};
  EXPECT_EQ(RunCli({"page"}, ServiceOf(client)).out,
            "http://127.0.0.1:9700/\n");
  const CliResult job = RunCli({"page", "j1"}, ServiceOf(client));
  EXPECT_EQ(job.out, "http://127.0.0.1:9700/#job/j1\n");
  EXPECT_EQ(job.err, "");
}

TEST(PageCommandTest, ATicketIsBehindTheHash) {
  FakeTrainingClient client;
  client.page = {.address = "0.0.0.0:9700", .tls = true, .ticket = "hpt_t"};
  const CliResult result =
      RunCli({"page", "--address", "gpu-box:50700"}, ServiceOf(client));
  EXPECT_EQ(result.out, "https://gpu-box:9700/#ticket=hpt_t\n");
  EXPECT_THAT(result.err, HasSubstr("five minutes"));
  EXPECT_EQ(
      RunCli({"page", "j1", "--address", "unix:/run/x"}, ServiceOf(client)).out,
      "https://0.0.0.0:9700/#ticket=hpt_t/job/j1\n");
  EXPECT_THAT(RunCli({"page", "-o", "json"}, ServiceOf(client)).out,
              HasSubstr("\"url\": \"https://127.0.0.1:9700/#ticket=hpt_t\""));
}

TEST(PageCommandTest, OpensItForWhoeverSitsThere) {
  FakeTrainingClient client;
  client.page = {.address = "127.0.0.1:9700", .tls = false, .ticket = "hpt_t"};
  CommandEnvironment environment = ServiceOf(client);
  std::string opened;
  bool is_there = true;
  environment.open_url = [&](const std::string& url) {
    opened = url;
    return is_there;
  };
  const std::string url = "http://127.0.0.1:9700/#ticket=hpt_t";
  const CliResult result = RunCli({"page"}, environment);
  EXPECT_EQ(result.out, url + "\n");  // for whoever wants it elsewhere
  EXPECT_EQ(result.err, "Opened in the browser.\n");
  EXPECT_EQ(opened, url);
  is_there = false;
  EXPECT_THAT(RunCli({"page"}, environment).err, HasSubstr("five minutes"));
  opened.clear();
  (void)RunCli({"page", "--no-open"}, environment);
  (void)RunCli({"page", "-o", "json"}, environment);
  EXPECT_EQ(opened, "");
}

TEST(PageCommandTest, AServiceWithoutAPageIsAnError) {
  FakeTrainingClient client;
  client.status = absl::FailedPreconditionError("the service serves no page");
  const CliResult result = RunCli({"page"}, ServiceOf(client));
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err, HasSubstr("serves no page"));
}

}  // namespace
}  // namespace halfpipe
