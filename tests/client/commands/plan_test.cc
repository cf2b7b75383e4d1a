#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/client_test_support.h"
#include "common/plan/rates.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

std::string BenchYaml(const std::string& output_dir) {
  return absl::StrCat(
      "name: plan\nmodel: {random: {variant: i2v-a14b}}\n"
      "data: {height: 480, width: 832, frames: 49, random: {samples: 8}}\n"
      "train: {steps: 3, micro_batches: 8}\n"
      "pipeline: {gpu_memory: 30GiB, host_memory: 64GiB}\n"
      "output: {dir: ",
      output_dir, "}\n");
}

class PlanCommandTest : public ::testing::Test {
 protected:
  PlanCommandTest()
      : job_(directory_.Write("job.yaml", BenchYaml(directory_.Path("out")))) {
    // Not what the stages of this machine measured.
    setenv("HALFPIPE_CACHE_DIR", directory_.Path("cache").c_str(), 1);
  }

  ~PlanCommandTest() override { unsetenv("HALFPIPE_CACHE_DIR"); }

  CliResult Run(const std::vector<std::string>& more) {
    std::vector<const char*> arguments = {"plan", job_.c_str()};
    for (const std::string& argument : more) {
      arguments.push_back(argument.c_str());
    }
    return RunCli(arguments);
  }

  nlohmann::json RunJson(std::vector<std::string> more) {
    more.insert(more.end(), {"-o", "json"});
    const CliResult result = Run(more);
    EXPECT_EQ(result.code, 0) << result.err;
    return nlohmann::json::parse(result.out, nullptr, false);
  }

  const TestDirectory directory_;
  const std::string job_;
};

TEST_F(PlanCommandTest, PrintsThePlanOfAJobFile) {
  const CliResult result = Run({});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("NVIDIA H200, NVIDIA H200 (rates that"));
  EXPECT_THAT(result.out, HasSubstr("of 30.0 GiB"));
  EXPECT_THAT(result.out, HasSubstr("s/sample"));
  EXPECT_THAT(result.out, HasSubstr("longest"));
  EXPECT_EQ(result.err, "");
}

TEST_F(PlanCommandTest, FlagsTakeThePlaceOfTheJobsLimits) {
  const nlohmann::json capped = RunJson({});
  EXPECT_EQ(capped["stages"][0]["gpu_budget_bytes"], int64_t{30} << 30);
  EXPECT_LE(capped["pinned_host_bytes"], int64_t{64} << 30);
  const nlohmann::json free =
      RunJson({"--gpu-memory", "auto", "--host-memory", "1B"});
  EXPECT_EQ(free["stages"][0]["gpu_budget_bytes"], MeasuredH200().free_bytes);
  EXPECT_EQ(free["pinned_host_bytes"], 0);
  EXPECT_LT(free["s_per_step"], capped["s_per_step"]);
}

TEST_F(PlanCommandTest, RatesOfOtherGpusComeFromAFile) {
  DeviceRates slow = MeasuredH200();
  slow.name = "slow card";
  slow.matmul_flops_per_second /= 4;
  const std::string one = directory_.Write("one.json", RatesText({slow}));
  const CliResult text = Run({"--rates", one});
  EXPECT_THAT(text.out, HasSubstr("slow card, slow card\n"));
  EXPECT_GT(RunJson({"--rates", one})["s_per_step"], RunJson({})["s_per_step"]);
  const std::string bad = directory_.Write("bad.json", "{}");
  const CliResult refused = Run({"--rates", bad});
  EXPECT_EQ(refused.code, 3);
  EXPECT_THAT(refused.err, HasSubstr("bad.json: schema"));
  EXPECT_EQ(Run({"--rates", directory_.Path("none")}).code, 3);
}

TEST_F(PlanCommandTest, CardsByNameAreSaidToBeDataSheets) {
  const CliResult text =
      Run({"--gpu", "l40s", "--gpu", "RTX 6000 Ada", "--ram", "64GiB"});
  ASSERT_EQ(text.code, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("L40S, RTX 6000 Ada\n"));
  EXPECT_THAT(text.out, HasSubstr("data sheets, not measurements"));
  EXPECT_THAT(text.out, HasSubstr("products 75 %"));
  EXPECT_THAT(text.out, HasSubstr("in all     3 steps, about "));
  const nlohmann::json wide =
      RunJson({"--gpu", "l40s", "--gpu", "l40s", "--ram", "64GiB"});
  EXPECT_EQ(wide["rates_source"], "datasheet");
  EXPECT_EQ(wide["built_in_rates"], false);
  const nlohmann::json narrow = RunJson(
      {"--gpu", "l40s", "--gpu", "l40s", "--ram", "64GiB", "--pcie", "3x4"});
  EXPECT_GE(narrow["s_per_step"], wide["s_per_step"]);
  // The RAM that is named is the most that can be pinned, whatever the job
  // says.
  const nlohmann::json little =
      RunJson({"--gpu", "l40s", "--gpu", "l40s", "--ram", "8GiB"});
  EXPECT_LE(little["pinned_host_bytes"], int64_t{7} << 30);
}

TEST_F(PlanCommandTest, CardsThatCannotBePlannedWithAreOneError) {
  const CliResult unknown = Run({"--gpu", "rtx4099", "--gpu", "rtx4090"});
  EXPECT_EQ(unknown.code, 3);
  EXPECT_THAT(unknown.err, HasSubstr("rtx4090, "));
  const CliResult one = Run({"--gpu", "l40s"});
  EXPECT_EQ(one.code, 3);
  EXPECT_THAT(one.err, HasSubstr("names 1 card, but the job has "
                                 "pipeline.stages: 2"));
  const CliResult pcie = Run({"--gpu", "l40s", "--gpu", "l40s", "--pcie", "8"});
  EXPECT_EQ(pcie.code, 3);
  EXPECT_THAT(pcie.err, HasSubstr("--pcie: expected a PCIe generation"));
  EXPECT_EQ(Run({"--pcie", "4x8"}).code, 2);
  EXPECT_EQ(Run({"--gpu", "l40s", "--rates", "x"}).code, 2);
}

TEST_F(PlanCommandTest, TheTimelineCanBeOpenedInPerfetto) {
  const std::string path = directory_.Path("trace.json");
  ASSERT_EQ(Run({"--trace", path}).code, 0);
  std::ifstream file(path);
  const nlohmann::json trace = nlohmann::json::parse(file, nullptr, false);
  ASSERT_FALSE(trace.is_discarded());
  EXPECT_NE(trace.dump().find("1F3"), std::string::npos);
}

TEST_F(PlanCommandTest, WhatDoesNotFitSaysWhatWould) {
  const CliResult result = Run({"--gpu-memory", "16GiB"});
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err, HasSubstr("pipeline.gpu_memory allows 16.00 GiB"));
  EXPECT_THAT(result.err, HasSubstr("model.weights: fp8"));
  EXPECT_EQ(result.out, "");
}

TEST_F(PlanCommandTest, SlowPcieIsRecomputedInsteadOfWaitedFor) {
  DeviceRates slow = MeasuredH200();
  slow.host_to_device_bytes_per_second = 3e9;
  slow.device_to_host_bytes_per_second = 3e9;
  const std::string file = directory_.Write("slow.json", RatesText({slow}));
  const nlohmann::json plan = RunJson({"--rates", file});
  EXPECT_LT(plan["pinned_host_bytes"], RunJson({})["pinned_host_bytes"]);
  for (const auto& stage : plan["stages"]) {
    EXPECT_GT(stage["recompute_seconds"], stage["stall_seconds"]);
  }
}

TEST_F(PlanCommandTest, AHostThatIsTooSmallIsSaidAsWell) {
  const CliResult result =
      Run({"--gpu-memory", "22GiB", "--host-memory", "1GiB"});
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err, HasSubstr("the host lacks "));
  EXPECT_THAT(result.err, HasSubstr("pipeline.host_memory allows 1.00 GiB"));
  EXPECT_THAT(result.err, HasSubstr("pipeline.host_memory: "));
}

TEST_F(PlanCommandTest, BadInputIsOneError) {
  EXPECT_EQ(Run({"--gpu-memory", "0"}).code, 3);
  EXPECT_THAT(Run({"--host-memory", "0"}).err,
              HasSubstr("--host-memory: expected auto, or a size above 0"));
  const CliResult memory = Run({"--gpu-memory", "many"});
  EXPECT_EQ(memory.code, 3);
  EXPECT_THAT(memory.err, HasSubstr("--gpu-memory: "));
  const std::string missing = directory_.Path("none.yaml");
  EXPECT_EQ(RunCli({"plan", missing.c_str()}).code, 3);
  EXPECT_EQ(RunCli({"plan"}).code, 2);
}

}  // namespace
}  // namespace halfpipe
