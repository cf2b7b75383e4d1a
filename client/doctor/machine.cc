#include <gnu/libc-version.h>
#include <sys/resource.h>
#include <sys/timex.h>
#include <sys/utsname.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "client/doctor/checks.h"
#include "client/jobs/progress.h"
#include "common/base/host_memory.h"

namespace halfpipe {
namespace {

namespace fs = std::filesystem;

constexpr char kNvidia[] = "0x10de";
constexpr int64_t kGiB = int64_t{1} << 30;
constexpr absl::CivilSecond kEarliestPlausible(2026, 1, 1);

// The first line, without blanks around it; empty where there is no such file.
std::string FirstLine(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return std::string(absl::StripAsciiWhitespace(line));
}

// The folders of display controllers that NVIDIA made, in the bus's order.
std::vector<fs::path> NvidiaGpus(const std::string& root) {
  std::vector<fs::path> gpus;
  std::error_code error;
  for (const auto& entry :
       fs::directory_iterator(root + "/sys/bus/pci/devices", error)) {
    if (FirstLine(entry.path() / "vendor") == kNvidia &&
        absl::StartsWith(FirstLine(entry.path() / "class"), "0x03")) {
      gpus.push_back(entry.path());
    }
  }
  std::sort(gpus.begin(), gpus.end());
  return gpus;
}

Finding CheckPciGpu(const fs::path& gpu) {
  Finding finding{.subject = "pci " + gpu.filename().string()};
  int width = 0;
  int most = 0;
  if (!absl::SimpleAtoi(FirstLine(gpu / "current_link_width"), &width) ||
      !absl::SimpleAtoi(FirstLine(gpu / "max_link_width"), &most) ||
      width <= 0) {
    finding.found = "an NVIDIA GPU; the kernel does not say how it is linked";
    return finding;
  }
  finding.found = absl::StrCat(
      "an NVIDIA GPU, x", width, " of x", most, " lanes, ",
      FirstLine(gpu / "current_link_speed"), " of ",
      FirstLine(gpu / "max_link_speed"), " (an idle link may slow down)");
  finding.verdict = width < most ? Verdict::kWarn : Verdict::kOk;
  if (width < most) {
    finding.advice =
        "moving activations to RAM, and between the cards, is slower over "
        "fewer lanes: use a slot with all lanes, look for a riser or a second "
        "card that shares them";
  }
  return finding;
}

std::string DistributionName(const std::string& root) {
  std::ifstream file(root + "/etc/os-release");
  for (std::string line; std::getline(file, line);) {
    const std::vector<std::string> parts =
        absl::StrSplit(line, absl::MaxSplits('=', 1));
    if (parts.size() == 2 && parts[0] == "PRETTY_NAME") {
      return parts[1].size() > 2 ? parts[1].substr(1, parts[1].size() - 2)
                                 : parts[1];
    }
  }
  return "unknown distribution";
}

}  // namespace

Finding CheckDriver(const std::string& root) {
  Finding finding{.subject = "driver"};
  const std::string version = FirstLine(root + "/sys/module/nvidia/version");
  if (version.empty()) {
    const bool wanted = !NvidiaGpus(root).empty();
    finding.verdict = wanted ? Verdict::kFail : Verdict::kInfo;
    finding.found = "NVIDIA's kernel driver is not loaded";
    if (wanted) {
      finding.advice = absl::StrCat("install the driver, ", kLeastDriver,
                                    " or later, and load it (modprobe nvidia)");
    }
    return finding;
  }
  finding.found = absl::StrCat("NVIDIA ", version);
  int major = 0;
  const std::vector<std::string> parts = absl::StrSplit(version, '.');
  const bool enough =
      absl::SimpleAtoi(parts.front(), &major) && major >= kLeastDriver;
  finding.verdict = enough ? Verdict::kOk : Verdict::kFail;
  if (!enough) {
    finding.advice =
        absl::StrCat("CUDA 13 needs ", kLeastDriver,
                     " or later: install a newer driver and restart");
  }
  return finding;
}

Findings CheckPciGpus(const std::string& root) {
  Findings findings;
  for (const fs::path& gpu : NvidiaGpus(root)) {
    findings.push_back(CheckPciGpu(gpu));
  }
  if (findings.empty()) {
    findings.push_back({.subject = "pci",
                        .verdict = Verdict::kInfo,
                        .found = "no NVIDIA GPU is on the PCI bus",
                        .advice = ""});
  }
  return findings;
}

int64_t LockedMemoryLimit() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0 ||
      limit.rlim_cur == RLIM_INFINITY) {
    return -1;
  }
  return static_cast<int64_t>(limit.rlim_cur);
}

Finding CheckLockedMemory(int64_t limit_bytes) {
  if (limit_bytes < 0) {
    return {.subject = "locked memory",
            .verdict = Verdict::kOk,
            .found = "no limit (ulimit -l)",
            .advice = ""};
  }
  return {.subject = "locked memory",
          .verdict = Verdict::kWarn,
          .found = absl::StrCat("at most ", ReadableBytes(limit_bytes),
                                " (ulimit -l)"),
          .advice =
              "offloading locks tens of GiB of RAM, and some drivers count "
              "that: set LimitMEMLOCK=infinity in a unit, --ulimit memlock=-1 "
              "for a container, or limits.conf"};
}

Finding CheckHostMemory(const std::string& root) {
  const int64_t available = AvailableHostBytes(root);
  Finding finding{.subject = "host memory",
                  .verdict = Verdict::kOk,
                  .found = absl::StrCat(ReadableBytes(available),
                                        " can be had by a process"),
                  .advice = ""};
  if (available < 16 * kGiB) {
    finding.verdict = Verdict::kWarn;
    finding.advice =
        "a 14B model on small cards offloads more than that: halfpipe plan "
        "JOB.yaml says how much it needs";
  }
  return finding;
}

Finding CheckSharedMemory(const std::string& folder) {
  Finding finding{.subject = "shared memory"};
  std::error_code error;
  const fs::space_info space = fs::space(folder, error);
  if (error) {
    finding.verdict = Verdict::kWarn;
    finding.found = absl::StrCat(folder, ": ", error.message());
    finding.advice = "mount a tmpfs there; NCCL falls back to sockets without";
    return finding;
  }
  finding.found =
      absl::StrCat(ReadableBytes(static_cast<int64_t>(space.available)),
                   " free in ", folder);
  const bool enough = space.available >= uint64_t{1} << 30;
  finding.verdict = enough ? Verdict::kOk : Verdict::kWarn;
  if (!enough) {
    finding.advice =
        "NCCL passes tensors through it between cards without peer access: "
        "make it 1 GiB or more (docker run --shm-size 1g)";
  }
  return finding;
}

Finding CheckClock() {
  timex state = {};
  const int answer = adjtimex(&state);
  Finding finding{.subject = "clock"};
  const absl::Time now = absl::Now();
  finding.found =
      absl::FormatTime("%Y-%m-%d %H:%M:%S %Z", now, absl::LocalTimeZone());
  if (absl::ToCivilSecond(now, absl::UTCTimeZone()) < kEarliestPlausible) {
    finding.verdict = Verdict::kFail;
    finding.advice = "the clock is years behind: TLS will refuse certificates";
    return finding;
  }
  const bool kept = answer >= 0 && (state.status & STA_UNSYNC) == 0;
  finding.verdict = kept ? Verdict::kOk : Verdict::kInfo;
  absl::StrAppend(&finding.found,
                  kept ? ", kept right by a time service"
                       : "; the kernel does not say that it is synchronised");
  return finding;
}

Finding DescribeSystem(const std::string& root) {
  utsname names = {};
  uname(&names);
  return {.subject = "system",
          .verdict = Verdict::kInfo,
          .found = absl::StrCat(DistributionName(root), ", Linux ",
                                names.release, " ", names.machine, ", glibc ",
                                gnu_get_libc_version()),
          .advice = ""};
}

}  // namespace halfpipe
