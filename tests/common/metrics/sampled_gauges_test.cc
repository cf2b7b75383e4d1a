#include "common/metrics/sampled_gauges.h"

#include <atomic>
#include <memory>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// The text once it has `line`, or after ten seconds.
std::string TextWith(const MetricsRegistry& registry, const std::string& line) {
  std::string text;
  for (int i = 0; i < 1000; ++i) {
    text = registry.Text();
    if (text.find(line) != std::string::npos) break;
    absl::SleepFor(absl::Milliseconds(10));
  }
  return text;
}

TEST(SampledGaugesTest, ShowsTheLastSample) {
  MetricsRegistry registry;
  std::atomic<int> watts = 100;
  const SampledGauges gauges(
      &registry, {{"halfpipe_watts", "Watts."}},
      [&watts] {
        return std::vector<GaugeReading>{
            {"halfpipe_watts", {{"gpu", "a"}}, static_cast<double>(watts)},
            {"halfpipe_unknown", {}, 1.0}};
      },
      absl::Milliseconds(20));
  const std::string text =
      TextWith(registry, "halfpipe_watts{gpu=\"a\"} 100\n");
  EXPECT_THAT(text, HasSubstr("# HELP halfpipe_watts Watts.\n"
                              "# TYPE halfpipe_watts gauge\n"
                              "halfpipe_watts{gpu=\"a\"} 100\n"));
  EXPECT_THAT(text, Not(HasSubstr("unknown")));
  watts = 200;
  EXPECT_THAT(TextWith(registry, "{gpu=\"a\"} 200\n"), HasSubstr(" 200\n"));
}

TEST(SampledGaugesTest, WithoutReadingsThereIsNothing) {
  MetricsRegistry registry;
  std::atomic<int> samples = 0;
  const SampledGauges gauges(
      &registry, {{"halfpipe_watts", "Watts."}},
      [&samples] {
        ++samples;
        return std::vector<GaugeReading>();
      },
      absl::Milliseconds(5));
  while (samples < 3) absl::SleepFor(absl::Milliseconds(5));
  EXPECT_EQ(registry.Text(), "");
}

TEST(SampledGaugesTest, ASampleThatHangsHoldsUpNobody) {
  MetricsRegistry registry;
  // The thread outlives the gauges, and so may these.
  const auto release = std::make_shared<absl::Notification>();
  const auto hung = std::make_shared<absl::Notification>();
  {
    auto calls = std::make_shared<int>(0);
    const SampledGauges gauges(
        &registry, {{"halfpipe_watts", "Watts."}},
        [calls, release, hung] {
          if (++*calls == 2) {
            hung->Notify();
            release->WaitForNotification();
          }
          return std::vector<GaugeReading>{{"halfpipe_watts", {}, 5.0}};
        },
        absl::Milliseconds(50));
    hung->WaitForNotification();
    // An old value is none.
    absl::SleepFor(absl::Milliseconds(200));
    EXPECT_THAT(registry.Text(), Not(HasSubstr("halfpipe_watts")));
  }
  EXPECT_EQ(registry.Text(), "");
  release->Notify();
}

}  // namespace
}  // namespace halfpipe
