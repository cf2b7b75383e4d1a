#include "coordinator/api/disk_space.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>

namespace halfpipe {
namespace {

constexpr char kName[] = "halfpipe_disk_free_bytes";

// Of the folder, or of the one that it will be made in.
std::optional<double> FreeBytes(const std::string& folder) {
  std::filesystem::path path(folder);

  struct statvfs facts {};

  while (statvfs(path.c_str(), &facts) != 0) {
    if (!path.has_relative_path()) return std::nullopt;
    path = path.parent_path();
  }
  return static_cast<double>(facts.f_bavail) *
         static_cast<double>(facts.f_frsize);
}

}  // namespace

std::vector<GaugeReading> ReadDiskSpace(
    const std::vector<std::pair<std::string, std::string>>& folders) {
  std::map<std::string, double> least;
  for (const auto& [kind, folder] : folders) {
    const std::optional<double> bytes = FreeBytes(folder);
    if (!bytes.has_value()) continue;
    const auto [found, is_new] = least.try_emplace(kind, *bytes);
    if (!is_new) found->second = std::min(found->second, *bytes);
  }
  std::vector<GaugeReading> readings;
  readings.reserve(least.size());
  for (const auto& [kind, bytes] : least) {
    readings.push_back({kName, {{"kind", kind}}, bytes});
  }
  return readings;
}

DiskSpaceGauges::DiskSpaceGauges(MetricsRegistry* registry, FolderList folders)
    : gauges_(
          registry, {{kName, "What is left on the disk of a folder."}},
          [folders = std::move(folders)] { return ReadDiskSpace(folders()); }) {
}

}  // namespace halfpipe
