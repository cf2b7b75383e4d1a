#include "common/plan/rates.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "client/client_test_support.h"
#include "common/base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class RatesCommandTest : public ::testing::Test {
 protected:
  RatesCommandTest() { environment_.program_dir = directory_.Path(""); }

  void StageSays(const std::string& script) {
    directory_.WriteProgram(
        "halfpipe-stage0",
        absl::StrCat("test \"$1\" = rates || exit 9\n", script));
  }

  void StageMeasures(const DeviceRates& rates) {
    const std::string file = directory_.Write("said", RatesText({rates}));
    StageSays(absl::StrCat("cat '", file, "'"));
  }

  const TestDirectory directory_;
  CommandEnvironment environment_;
};

TEST_F(RatesCommandTest, PrintsATableAndWritesWhatPlanReads) {
  DeviceRates card = MeasuredH200();
  card.name = "a card";
  card.elementwise_bytes_per_second = 0.9e12;
  StageMeasures(card);
  const std::string file = directory_.Path("rates.json");
  const CliResult result =
      RunCli({"rates", "--write", file.c_str()}, environment_);
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("GPU 0  a card, 140.4 GiB"));
  EXPECT_THAT(result.out, HasSubstr("its own memory, GB/s"));
  EXPECT_THAT(ReadRatesFile(file).value(), ElementsAre(card));
  const CliResult json = RunCli({"rates", "-o", "json"}, environment_);
  EXPECT_EQ(json.out, RatesText({card}));
}

TEST_F(RatesCommandTest, WhatGoesWrongIsSaid) {
  const CliResult missing = RunCli({"rates"}, environment_);
  EXPECT_NE(missing.code, 0);
  EXPECT_THAT(missing.err, HasSubstr("halfpipe-stage0 is not there"));
  StageSays("exit 69");
  const CliResult failed = RunCli({"rates"}, environment_);
  EXPECT_EQ(failed.code, 1);
  EXPECT_THAT(failed.err, HasSubstr("rates failed"));
  StageSays("echo nonsense");
  EXPECT_THAT(RunCli({"rates"}, environment_).err,
              HasSubstr("halfpipe-stage0 rates: this is no JSON"));
  const DeviceRates card = MeasuredH200();
  StageMeasures(card);
  EXPECT_NE(RunCli({"rates", "--write", "/proc/none/rates"}, environment_).code,
            0);
}

}  // namespace
}  // namespace halfpipe
