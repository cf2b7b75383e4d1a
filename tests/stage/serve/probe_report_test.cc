#include "stage/serve/probe_report.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <nlohmann/json.hpp>

namespace halfpipe {
namespace {

TEST(ProbeReportTest, IsOneLineOfJsonOnAnyMachine) {
  setenv("NCCL_P2P_DISABLE", "1", 1);
  setenv("NCCL_SHM_DISABLE", "0", 1);
  const std::string text = ProbeReport();
  EXPECT_EQ(text.find('\n'), std::string::npos);
  const auto report = nlohmann::json::parse(text, nullptr, false);
  ASSERT_TRUE(report.is_object()) << text;
  EXPECT_EQ(report["schema"], 1);
  EXPECT_NE(report["torch"], "");
  EXPECT_EQ(report["arithmetic"].get<std::string>().rfind("mkl ", 0), 0u);
  EXPECT_TRUE(report["arithmetic_settings"].is_string());
  EXPECT_EQ(report["p2p_disabled"], true);
  EXPECT_EQ(report["shm_disabled"], false);
  EXPECT_TRUE(report["gpus"].is_array());
  EXPECT_TRUE(report["links"].is_array());
  unsetenv("NCCL_P2P_DISABLE");
  unsetenv("NCCL_SHM_DISABLE");
}

}  // namespace
}  // namespace halfpipe
