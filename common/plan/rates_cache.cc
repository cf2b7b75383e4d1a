#include "common/plan/rates_cache.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

using Json = nlohmann::ordered_json;

// Goes up when rates are measured in another way, or of other kernels.
constexpr int kFormat = 1;
constexpr uint64_t kMaxCacheBytes = 1 << 20;

absl::Status Damaged(const std::string& path, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", what));
}

bool HasText(const Json& file, const char* key, const std::string& text) {
  auto it = file.find(key);
  return it != file.end() && it->is_string() && *it == text;
}

}  // namespace

absl::StatusOr<std::string> RatesCache::PathOf(
    const std::string& gpu_uuid) const {
  const bool is_name =
      !gpu_uuid.empty() &&
      std::all_of(gpu_uuid.begin(), gpu_uuid.end(), [](char c) {
        return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-';
      });
  if (!is_name) {
    return absl::InvalidArgumentError(absl::StrCat(
        "GPU uuid '", gpu_uuid, "': expected letters, digits and -"));
  }
  return absl::StrCat(folder_, "/rates-", gpu_uuid, ".json");
}

absl::StatusOr<KeptRates> RatesCache::Read(const std::string& gpu_uuid) const {
  HP_ASSIGN_OR_RETURN(const std::string path, PathOf(gpu_uuid));
  HP_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxCacheBytes));
  const Json file = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!file.is_object()) return Damaged(path, "this is no JSON object");
  auto format = file.find("format");
  if (format == file.end() || !format->is_number_integer()) {
    return Damaged(path, "it has no format");
  }
  auto driver = file.find("driver");
  if (*format != kFormat || driver == file.end() || !driver->is_string()) {
    return absl::NotFoundError(
        absl::StrCat(path, " is of another driver or version"));
  }
  if (!HasText(file, "gpu_uuid", gpu_uuid)) {
    return Damaged(path, "it is of another GPU");
  }
  auto rates = file.find("rates");
  if (rates == file.end()) return Damaged(path, "it has no rates");
  HP_ASSIGN_OR_RETURN(
      const std::vector<DeviceRates> devices,
      ParseRates(rates->dump(-1, ' ', true, Json::error_handler_t::replace),
                 path));
  return KeptRates{{gpu_uuid, driver->get<std::string>()}, devices.front()};
}

absl::StatusOr<DeviceRates> RatesCache::Find(const RatesKey& key) const {
  HP_ASSIGN_OR_RETURN(const KeptRates kept, Read(key.gpu_uuid));
  if (kept.key.driver != key.driver) {
    HP_ASSIGN_OR_RETURN(const std::string path, PathOf(key.gpu_uuid));
    return absl::NotFoundError(
        absl::StrCat(path, " is of another driver or version"));
  }
  return kept.rates;
}

absl::Status RatesCache::Keep(const RatesKey& key,
                              const DeviceRates& rates) const {
  HP_ASSIGN_OR_RETURN(const std::string path, PathOf(key.gpu_uuid));
  Json file;
  file["format"] = kFormat;
  file["gpu_uuid"] = key.gpu_uuid;
  file["driver"] = key.driver;
  file["rates"] = Json::parse(RatesText({rates}));
  HP_RETURN_IF_ERROR(MakeDirectories(folder_));
  return WriteFileAtomically(
      path, file.dump(2, ' ', true, Json::error_handler_t::replace) + "\n");
}

std::string DefaultCacheFolder() {
  const std::pair<const char*, const char*> places[] = {
      {"HALFPIPE_CACHE_DIR", ""},
      {"XDG_CACHE_HOME", "/halfpipe"},
      {"HOME", "/.cache/halfpipe"}};
  for (const auto& [variable, below] : places) {
    const char* value = std::getenv(variable);
    // A relative path would be another folder for every working directory.
    if (value != nullptr && value[0] == '/') return absl::StrCat(value, below);
  }
  return "";
}

}  // namespace halfpipe
