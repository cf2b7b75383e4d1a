#include <filesystem>
#include <string>

#include "client/doctor/checks.h"
#include "common/store/scratch_folder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

using ::testing::HasSubstr;

class MachineTest : public ::testing::Test {
 protected:
  void WriteAt(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(
        std::filesystem::path(scratch_ / path).parent_path());
    scratch_.Write(path, text);
  }

  void AddGpu(const std::string& bus, const std::string& width) {
    const std::string folder = "sys/bus/pci/devices/" + bus + "/";
    WriteAt(folder + "vendor", "0x10de\n");
    WriteAt(folder + "class", "0x030200\n");
    WriteAt(folder + "current_link_width", width + "\n");
    WriteAt(folder + "max_link_width", "16\n");
    WriteAt(folder + "current_link_speed", "16.0 GT/s PCIe\n");
    WriteAt(folder + "max_link_speed", "32.0 GT/s PCIe\n");
  }

  const ScratchFolder scratch_;
};

TEST_F(MachineTest, ADriverMustBeNewEnough) {
  WriteAt("sys/module/nvidia/version", "580.82.07\n");
  EXPECT_EQ(CheckDriver(scratch_.path()).verdict, Verdict::kOk);
  WriteAt("sys/module/nvidia/version", "575.51.03\n");
  const Finding old = CheckDriver(scratch_.path());
  EXPECT_EQ(old.verdict, Verdict::kFail);
  EXPECT_THAT(old.found, HasSubstr("575.51.03"));
  EXPECT_THAT(old.advice, HasSubstr("580"));
}

TEST_F(MachineTest, NoDriverIsAFailureOnlyBesideAGpu) {
  EXPECT_EQ(CheckDriver(scratch_.path()).verdict, Verdict::kInfo);
  AddGpu("0000:01:00.0", "16");
  const Finding finding = CheckDriver(scratch_.path());
  EXPECT_EQ(finding.verdict, Verdict::kFail);
  EXPECT_THAT(finding.advice, HasSubstr("modprobe"));
}

TEST_F(MachineTest, ANarrowLinkIsNamed) {
  AddGpu("0000:41:00.0", "4");
  AddGpu("0000:01:00.0", "16");
  // Neither another vendor's card nor NVIDIA's sound device counts.
  WriteAt("sys/bus/pci/devices/0000:02:00.0/vendor", "0x1002\n");
  WriteAt("sys/bus/pci/devices/0000:02:00.0/class", "0x030000\n");
  WriteAt("sys/bus/pci/devices/0000:01:00.1/vendor", "0x10de\n");
  WriteAt("sys/bus/pci/devices/0000:01:00.1/class", "0x040300\n");
  const Findings gpus = CheckPciGpus(scratch_.path());
  ASSERT_EQ(gpus.size(), 2u);
  EXPECT_EQ(gpus[0].subject, "pci 0000:01:00.0");
  EXPECT_EQ(gpus[0].verdict, Verdict::kOk);
  EXPECT_EQ(gpus[1].verdict, Verdict::kWarn);
  EXPECT_THAT(gpus[1].found, HasSubstr("x4 of x16 lanes, 16.0 GT/s"));
  EXPECT_THAT(gpus[1].advice, HasSubstr("slot"));
}

TEST_F(MachineTest, NoGpuIsSaid) {
  const Findings gpus = CheckPciGpus(scratch_.path());
  ASSERT_EQ(gpus.size(), 1u);
  EXPECT_EQ(gpus[0].verdict, Verdict::kInfo);
  EXPECT_THAT(gpus[0].found, HasSubstr("no NVIDIA GPU"));
  // A virtual machine may hide the link.
  AddGpu("0000:01:00.0", "0");
  EXPECT_EQ(CheckPciGpus(scratch_.path())[0].verdict, Verdict::kInfo);
}

TEST_F(MachineTest, LimitsHaveAVerdict) {
  EXPECT_EQ(CheckLockedMemory(-1).verdict, Verdict::kOk);
  const Finding limited = CheckLockedMemory(8 << 20);
  EXPECT_EQ(limited.verdict, Verdict::kWarn);
  EXPECT_THAT(limited.found, HasSubstr("8"));
  EXPECT_THAT(limited.advice, HasSubstr("LimitMEMLOCK"));
  WriteAt("proc/meminfo", "MemAvailable:    1048576 kB\n");
  EXPECT_EQ(CheckHostMemory(scratch_.path()).verdict, Verdict::kWarn);
  WriteAt("proc/meminfo", "MemAvailable:  134217728 kB\n");
  EXPECT_EQ(CheckHostMemory(scratch_.path()).verdict, Verdict::kOk);
  const Finding absent = CheckSharedMemory(scratch_ / "absent");
  EXPECT_EQ(absent.verdict, Verdict::kWarn);
  EXPECT_THAT(absent.found, HasSubstr("absent"));
}

TEST_F(MachineTest, TheClockAndTheSystemAreTold) {
  EXPECT_NE(CheckClock().verdict, Verdict::kFail);
  WriteAt("etc/os-release", "NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n");
  const Finding system = DescribeSystem(scratch_.path());
  EXPECT_THAT(system.found, HasSubstr("Debian GNU/Linux 12, Linux "));
  EXPECT_THAT(system.found, HasSubstr("glibc"));
}

}  // namespace
}  // namespace halfpipe
