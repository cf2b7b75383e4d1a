#include "client/report/machine_rates.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/plan/rates_cache.h"

namespace halfpipe {
namespace {

namespace fs = std::filesystem;

// The value of "GPU UUID:  \t GPU-0123..." in a card's `information`.
std::string UuidIn(const fs::path& information) {
  std::ifstream file(information);
  for (std::string line; std::getline(file, line);) {
    absl::string_view value = line;
    if (absl::ConsumePrefix(&value, "GPU UUID:")) {
      return std::string(absl::StripAsciiWhitespace(value));
    }
  }
  return "";
}

// By their place on the bus, which is what the folders are called.
std::vector<std::string> UuidsOfGpus(const std::string& root) {
  std::vector<fs::path> cards;
  std::error_code error;
  for (const auto& entry :
       fs::directory_iterator(root + "/proc/driver/nvidia/gpus", error)) {
    cards.push_back(entry.path());
  }
  std::sort(cards.begin(), cards.end());
  std::vector<std::string> uuids;
  for (const fs::path& card : cards) {
    std::string uuid = UuidIn(card / "information");
    if (!uuid.empty()) uuids.push_back(std::move(uuid));
  }
  return uuids;
}

std::string DriverVersion(const std::string& root) {
  std::ifstream file(root + "/sys/module/nvidia/version");
  std::string version;
  std::getline(file, version);
  return std::string(absl::StripAsciiWhitespace(version));
}

// The kept text also names CUDA's version: "580.82.07 13000".
bool IsOfDriver(const KeptRates& kept, const std::string& version) {
  return version.empty() || kept.key.driver == version ||
         absl::StartsWith(kept.key.driver, absl::StrCat(version, " "));
}

}  // namespace

MachineRates RatesOfThisMachine(const std::string& cache_folder,
                                const std::string& root) {
  MachineRates machine;
  if (cache_folder.empty()) return machine;
  const RatesCache cache(cache_folder);
  const std::string version = DriverVersion(root);
  for (const std::string& uuid : UuidsOfGpus(root)) {
    const absl::StatusOr<KeptRates> kept = cache.Read(uuid);
    if (kept.ok() && IsOfDriver(*kept, version)) {
      machine.devices.push_back(kept->rates);
    } else if (kept.ok()) {
      machine.notes.push_back(absl::StrCat(
          uuid, " was measured with another driver (", kept->key.driver, ")"));
    } else if (absl::IsNotFound(kept.status())) {
      machine.notes.push_back(absl::StrCat(uuid, " is not measured yet"));
    } else {
      machine.notes.emplace_back(kept.status().message());
    }
  }
  // Two of one name differ by what was measured only.
  machine.devices = LevelEqualCards(std::move(machine.devices));
  std::stable_sort(machine.devices.begin(), machine.devices.end(),
                   [](const DeviceRates& a, const DeviceRates& b) {
                     return a.matmul_flops_per_second >
                            b.matmul_flops_per_second;
                   });
  return machine;
}

}  // namespace halfpipe
