#include <string>

#include "client/client_test_support.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

FakeTrainingClient TwoPairs() {
  FakeTrainingClient client;
  StageState gpu;
  gpu.pair = "left";
  gpu.device = "cuda:0";
  gpu.device_total_bytes = int64_t{24} << 30;
  gpu.device_bytes_in_use = int64_t{6} << 30;
  gpu.activity = "step 7";
  gpu.silent = absl::Seconds(2);
  StageState cpu;
  cpu.pair = "right";
  cpu.rank = 1;
  cpu.device = "cpu";
  client.info.stages = {gpu, cpu};
  return client;
}

TEST(StagesCommandTest, OneLineAStage) {
  const FakeTrainingClient client = TwoPairs();
  const CliResult result = RunCli({"stages"}, ServiceOf(client));
  EXPECT_EQ(result.code, 0);
  EXPECT_THAT(result.out,
              HasSubstr("left         0     cuda:0   6.0 GiB of 24.0 GiB"));
  EXPECT_THAT(result.out, HasSubstr("2s        step 7"));
  EXPECT_THAT(result.out, HasSubstr("right        1     cpu      -"));
  EXPECT_THAT(*client.calls, ElementsAre("info"));
}

TEST(StagesCommandTest, JsonHasTheServiceToo) {
  FakeTrainingClient client = TwoPairs();
  client.info.version = "1.2";
  const CliResult result = RunCli({"stages", "-o", "json"}, ServiceOf(client));
  EXPECT_THAT(result.out, HasSubstr("\"version\": \"1.2\""));
  EXPECT_THAT(result.out, HasSubstr("\"pair\": \"right\""));
}

TEST(StagesCommandTest, AnAbsentServiceIsExitCode4) {
  FakeTrainingClient client;
  client.status = absl::UnavailableError("nobody there");
  EXPECT_EQ(RunCli({"stages"}, ServiceOf(client)).code, 4);
}

}  // namespace
}  // namespace halfpipe
