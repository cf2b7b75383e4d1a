#include "stage/serve/host_gauges.h"

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

TEST(HostGaugesTest, WhatIsNotKnownIsNotSaid) {
  EXPECT_THAT(HostReadings("0", "", {}, 0), IsEmpty());
  const auto readings = HostReadings("1", "GPU-1",
                                     {.power_watts = 350.5,
                                      .sm_clock_hertz = 1.98e9,
                                      .temperature_celsius = 61},
                                     4096);
  ASSERT_THAT(readings, SizeIs(4));
  EXPECT_EQ(readings[0].name, "halfpipe_host_memory_available_bytes");
  EXPECT_EQ(readings[0].value, 4096);
  EXPECT_EQ(readings[1].name, "halfpipe_gpu_power_watts");
  EXPECT_EQ(readings[1].labels, (std::map<std::string, std::string>{
                                    {"stage", "1"}, {"gpu_uuid", "GPU-1"}}));
  EXPECT_EQ(readings[2].name, "halfpipe_gpu_clock_hertz");
  EXPECT_EQ(readings[2].labels.at("clock"), "sm");
  EXPECT_EQ(readings[3].name, "halfpipe_gpu_temperature_celsius");
}

TEST(HostGaugesTest, AStageWithoutAGpuHasItsHostsMemoryAlone) {
  MetricsRegistry registry;
  const HostGauges gauges(1, "", &registry);
  std::string text;
  for (int i = 0; i < 1000 && text.empty(); ++i) {
    absl::SleepFor(absl::Milliseconds(5));
    text = registry.Text();
  }
  EXPECT_THAT(text,
              HasSubstr("halfpipe_host_memory_available_bytes{stage=\"1\"}"
                        " "));
  EXPECT_THAT(text, Not(HasSubstr("halfpipe_gpu")));
}

}  // namespace
}  // namespace halfpipe
