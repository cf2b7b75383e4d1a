#include "client/report/machine_rates.h"

#include <filesystem>
#include <fstream>
#include <string>

#include "client/client_test_support.h"
#include "common/plan/rates_cache.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class MachineRatesTest : public ::testing::Test {
 protected:
  MachineRatesTest() { WriteFile("/sys/module/nvidia/version", "580.82.07\n"); }

  void WriteFile(const std::string& path, const std::string& text) {
    const std::string whole = root_ + path;
    std::filesystem::create_directories(
        std::filesystem::path(whole).parent_path());
    std::ofstream(whole) << text;
  }

  void AddCard(const std::string& slot, const std::string& uuid) {
    WriteFile("/proc/driver/nvidia/gpus/" + slot + "/information",
              "Model: \t\t A card\nIRQ:   \t\t 90\nGPU UUID: \t " + uuid +
                  "\nBus Type: \t PCIe\n");
  }

  DeviceRates Measure(const std::string& uuid, const std::string& name,
                      double speed, const std::string& driver) {
    DeviceRates rates = MeasuredH200();
    rates.name = name;
    rates.matmul_flops_per_second *= speed;
    EXPECT_TRUE(RatesCache(cache_).Keep({uuid, driver}, rates).ok());
    return rates;
  }

  const TestDirectory directory_;
  const std::string root_ = directory_.Path("root");
  const std::string cache_ = directory_.Path("cache");
};

TEST_F(MachineRatesTest, TakesTheCardsThatAreThereFastestFirst) {
  AddCard("0000:01:00.0", "GPU-a");
  AddCard("0000:41:00.0", "GPU-b");
  const DeviceRates slow = Measure("GPU-a", "slow", 0.5, "580.82.07 13000");
  const DeviceRates fast = Measure("GPU-b", "fast", 1.0, "580.82.07 13000");
  Measure("GPU-gone", "gone", 2.0, "580.82.07 13000");
  const MachineRates machine = RatesOfThisMachine(cache_, root_);
  EXPECT_THAT(machine.devices, ElementsAre(fast, slow));
  EXPECT_THAT(machine.notes, IsEmpty());
}

TEST_F(MachineRatesTest, SaysWhichCardsHaveNoRates) {
  AddCard("0000:01:00.0", "GPU-a");
  AddCard("0000:02:00.0", "GPU-b");
  AddCard("0000:03:00.0", "GPU-c");
  Measure("GPU-a", "card", 1.0, "570.1 13000");
  std::ofstream(cache_ + "/rates-GPU-c.json") << "broken";
  const MachineRates machine = RatesOfThisMachine(cache_, root_);
  EXPECT_THAT(machine.devices, IsEmpty());
  EXPECT_THAT(machine.notes,
              ElementsAre(HasSubstr("GPU-a was measured with another driver"),
                          HasSubstr("GPU-b is not measured yet"),
                          HasSubstr("rates-GPU-c.json: this is no JSON")));
}

TEST_F(MachineRatesTest, AMachineWithoutCardsHasNone) {
  Measure("GPU-a", "card", 1.0, "580.82.07 13000");
  EXPECT_THAT(RatesOfThisMachine(cache_, root_).devices, IsEmpty());
  AddCard("0000:01:00.0", "GPU-a");
  EXPECT_THAT(RatesOfThisMachine("", root_).devices, IsEmpty());
}

}  // namespace
}  // namespace halfpipe
