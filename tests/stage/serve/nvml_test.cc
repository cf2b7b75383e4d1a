#include "stage/serve/nvml.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

TEST(NvmlTest, ReadsWhatTheGpuTellsInBaseUnits) {
  const auto nvml = Nvml::Open(HP_FAKE_NVML);
  ASSERT_TRUE(nvml.ok()) << nvml.status();
  const auto sensors = (*nvml)->Read("GPU-1");
  ASSERT_TRUE(sensors.ok()) << sensors.status();
  EXPECT_DOUBLE_EQ(sensors->power_watts.value_or(0), 350.5);
  EXPECT_DOUBLE_EQ(sensors->sm_clock_hertz.value_or(0), 1.98e9);
  EXPECT_FALSE(sensors->memory_clock_hertz.has_value());
  EXPECT_DOUBLE_EQ(sensors->temperature_celsius.value_or(0), 61);
  EXPECT_TRUE(absl::IsNotFound((*nvml)->Read("GPU-2").status()));
}

TEST(NvmlTest, AMachineWithoutADriverHasNone) {
  const auto nvml = Nvml::Open("/nowhere/libnvidia-ml.so.1");
  EXPECT_TRUE(absl::IsNotFound(nvml.status()));
  EXPECT_THAT(nvml.status().message(), HasSubstr("/nowhere/libnvidia-ml.so.1"));
}

TEST(NvmlTest, AnotherLibraryIsNamed) {
  const auto nvml = Nvml::Open("libc.so.6");
  EXPECT_TRUE(absl::IsFailedPrecondition(nvml.status()));
  EXPECT_THAT(nvml.status().message(), HasSubstr("nvmlInit_v2"));
}

}  // namespace
}  // namespace halfpipe
