// Every name that is served: its form, and that docs/metrics.md has it.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <regex>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/file.h"
#include "common/metrics/token_gauge.h"
#include "coordinator/api/disk_space.h"
#include "coordinator/schedule/coordinator_metrics.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "stage/serve/host_gauges.h"
#include "stage/serve/stage_metrics.h"

namespace halfpipe {
namespace {

// Everything that the coordinator can have to tell.
std::string CoordinatorText() {
  MetricsRegistry registry;
  CoordinatorMetrics metrics(&registry);
  const TokenGauge tokens(&registry, nullptr);
  metrics.SetJobs({{"running", 1}}, 0);
  metrics.SetJobInfo("a", "auto", 32);
  metrics.OnStep("a", {});
  metrics.OnStageTimes("default", {StageTimes(), StageTimes()});
  metrics.SetLossByTimestep("a", {{500, 0.5}});
  metrics.OnValidation("a", {{500, 0.5}});
  metrics.OnCheckpoint(absl::Seconds(1), absl::UnixEpoch());
  metrics.OnRestart("link");
  metrics.OnNonFiniteStep();
  return registry.Text();
}

std::string StageText() {
  MetricsRegistry registry;
  StageMetrics metrics(0, "GPU-1", &registry);
  metrics.OnStep(1);
  metrics.SetGpuMemory({});
  metrics.OnModelLoaded("dit", 1, 1);
  return registry.Text();
}

// What is asked for, in place of waiting until it was.
std::set<std::string> SampledNames() {
  std::set<std::string> names;
  const GpuSensors sensors{.power_watts = 1,
                           .sm_clock_hertz = 1,
                           .memory_clock_hertz = 1,
                           .temperature_celsius = 1};
  for (const auto& reading : HostReadings("0", "GPU-1", sensors, 1)) {
    names.insert(reading.name);
  }
  for (const auto& reading : ReadDiskSpace({{"state", "/"}})) {
    names.insert(reading.name);
  }
  return names;
}

// Types by name, out of the TYPE lines.
std::map<std::string, std::string> TypesIn(const std::string& text) {
  std::map<std::string, std::string> types;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (!absl::StartsWith(line, "# TYPE ")) continue;
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    types[words.at(2)] = words.at(3);
  }
  return types;
}

std::map<std::string, std::string> AllTypes() {
  std::map<std::string, std::string> types = TypesIn(CoordinatorText());
  types.merge(TypesIn(StageText()));
  for (const std::string& name : SampledNames()) types[name] = "gauge";
  return types;
}

TEST(MetricNamesTest, FollowPrometheusRules) {
  static const std::regex form("halfpipe_[a-z]+(_[a-z]+)*");
  for (const auto& [name, type] : AllTypes()) {
    EXPECT_TRUE(std::regex_match(name, form)) << name;
    EXPECT_EQ(type == "counter", absl::EndsWith(name, "_total")) << name;
    for (const char* unit : {"_ms", "_us", "_mb", "_gib", "_percent", "_mhz"}) {
      EXPECT_FALSE(absl::StrContains(name, unit)) << name;
    }
  }
}

TEST(MetricNamesTest, EachIsInTheDocumentsAndNoOther) {
  const auto text = ReadFile("docs/metrics.md");
  ASSERT_TRUE(text.ok()) << text.status();
  // Names that a table's row begins with.
  std::set<std::string> documented;
  static const std::regex name_form("`(halfpipe_[a-z_]+)`");
  for (const absl::string_view view : absl::StrSplit(*text, '\n')) {
    if (!absl::StartsWith(view, "| `halfpipe_")) continue;
    const std::string cell(view.substr(0, view.find('|', 1)));
    for (std::sregex_iterator it(cell.begin(), cell.end(), name_form), end;
         it != end; ++it) {
      documented.insert((*it)[1]);
    }
  }
  std::set<std::string> served;
  for (const auto& [name, type] : AllTypes()) served.insert(name);
  EXPECT_EQ(documented, served);
}

TEST(MetricNamesTest, PromtoolFindsNothing) {
  if (std::system("command -v promtool >/dev/null 2>&1") != 0) {
    GTEST_SKIP() << "promtool is not installed (apt: prometheus)";
  }
  for (const std::string& text : {CoordinatorText(), StageText()}) {
    const std::string file =
        absl::StrCat(::testing::TempDir(), "/metrics.", getpid(), ".txt");
    ASSERT_TRUE(WriteFileAtomically(file, text).ok());
    EXPECT_EQ(
        std::system(absl::StrCat("promtool check metrics <", file).c_str()), 0);
  }
}

}  // namespace
}  // namespace halfpipe
