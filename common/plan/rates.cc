#include "common/plan/rates.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kSchema = 1;
constexpr uint64_t kMaxFileBytes = 1 << 20;

struct RealField {
  const char* key;
  double DeviceRates::*member;
  bool may_be_zero;
};

constexpr RealField kReals[] = {
    {"matmul_flops_per_second", &DeviceRates::matmul_flops_per_second, false},
    {"fp8_matmul_flops_per_second", &DeviceRates::fp8_matmul_flops_per_second,
     true},
    {"attention_forward_flops_per_second",
     &DeviceRates::attention_forward_flops_per_second, false},
    {"attention_backward_flops_per_second",
     &DeviceRates::attention_backward_flops_per_second, false},
    {"elementwise_bytes_per_second", &DeviceRates::elementwise_bytes_per_second,
     false},
    {"host_to_device_bytes_per_second",
     &DeviceRates::host_to_device_bytes_per_second, false},
    {"device_to_host_bytes_per_second",
     &DeviceRates::device_to_host_bytes_per_second, false},
    {"link_bytes_per_second", &DeviceRates::link_bytes_per_second, false},
};

struct SizeField {
  const char* key;
  int64_t DeviceRates::*member;
};

constexpr SizeField kSizes[] = {
    {"total_bytes", &DeviceRates::total_bytes},
    {"free_bytes", &DeviceRates::free_bytes},
    {"fixed_bytes", &DeviceRates::fixed_bytes},
};

absl::Status Wrong(absl::string_view key, absl::string_view expected,
                   const Json* found) {
  return absl::InvalidArgumentError(absl::StrCat(
      key, ": expected ", expected, ", found ",
      found == nullptr
          ? "nothing"
          : found->dump(-1, ' ', true, Json::error_handler_t::replace)));
}

const Json* Find(const Json& object, const char* key) {
  auto it = object.find(key);
  return it == object.end() ? nullptr : &*it;
}

absl::Status CheckKeys(const Json& object) {
  std::set<std::string> known = {"name", "link_uses_pcie"};
  for (const RealField& field : kReals) known.insert(field.key);
  for (const SizeField& field : kSizes) known.insert(field.key);
  for (const auto& [key, value] : object.items()) {
    if (known.count(key) == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", key, "' is no field of a device's rates"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<DeviceRates> ParseDevice(const Json& object) {
  if (!object.is_object()) return Wrong("device", "an object", &object);
  HP_RETURN_IF_ERROR(CheckKeys(object));
  DeviceRates rates;
  const Json* name = Find(object, "name");
  if (name == nullptr || !name->is_string()) {
    return Wrong("name", "a text", name);
  }
  rates.name = name->get<std::string>();
  for (const RealField& field : kReals) {
    const Json* value = Find(object, field.key);
    if (value == nullptr || !value->is_number()) {
      return Wrong(field.key, "a number", value);
    }
    rates.*field.member = value->get<double>();
  }
  for (const SizeField& field : kSizes) {
    const Json* value = Find(object, field.key);
    if (value == nullptr || !value->is_number_integer()) {
      return Wrong(field.key, "a whole number of bytes", value);
    }
    rates.*field.member = value->get<int64_t>();
  }
  const Json* pcie = Find(object, "link_uses_pcie");
  if (pcie == nullptr || !pcie->is_boolean()) {
    return Wrong("link_uses_pcie", "true or false", pcie);
  }
  rates.link_uses_pcie = pcie->get<bool>();
  HP_RETURN_IF_ERROR(CheckRates(rates));
  return rates;
}

absl::StatusOr<std::vector<DeviceRates>> ParseDevices(const Json& file) {
  if (!file.is_object()) {
    return absl::InvalidArgumentError("expected a JSON object");
  }
  const Json* schema = Find(file, "schema");
  if (schema == nullptr || *schema != kSchema) {
    return Wrong("schema", absl::StrCat(kSchema), schema);
  }
  const Json* list = Find(file, "devices");
  if (list == nullptr || !list->is_array() || list->empty()) {
    return Wrong("devices", "a list of at least one device", list);
  }
  std::vector<DeviceRates> devices;
  for (const Json& object : *list) {
    absl::StatusOr<DeviceRates> device = ParseDevice(object);
    if (!device.ok()) {
      return Annotate(device.status(),
                      absl::StrCat("devices[", devices.size(), "]"));
    }
    devices.push_back(*std::move(device));
  }
  return devices;
}

}  // namespace

const DeviceRates& MeasuredH200() {
  static const DeviceRates* const rates = new DeviceRates{
      .name = "NVIDIA H200",
      // In running blocks, where power limits the clock; a product alone
      // reaches 810e12, cuDNN's attention alone 600e12 and 520e12.
      .matmul_flops_per_second = 745e12,
      .fp8_matmul_flops_per_second = 1466e12,
      .attention_forward_flops_per_second = 526e12,
      .attention_backward_flops_per_second = 482e12,
      .elementwise_bytes_per_second = 3.6e12,
      .host_to_device_bytes_per_second = 55e9,
      .device_to_host_bytes_per_second = 55e9,
      // NCCL over NVLink: 208 MB in 0.58 ms
      .link_bytes_per_second = 208e6 / 0.58e-3,
      .link_uses_pcie = false,
      .total_bytes = int64_t{150'754'820'096},
      .free_bytes = int64_t{150'000'000'000},
      .fixed_bytes = int64_t{1400} << 20,
  };
  return *rates;
}

std::vector<DeviceRates> LevelEqualCards(std::vector<DeviceRates> devices) {
  for (const RealField& field : kReals) {
    std::map<std::string, double> lowest;
    for (const DeviceRates& device : devices) {
      const double value = device.*field.member;
      auto [it, first] = lowest.emplace(device.name, value);
      if (!first) it->second = std::min(it->second, value);
    }
    for (DeviceRates& device : devices) {
      device.*field.member = lowest[device.name];
    }
  }
  return devices;
}

absl::Status CheckRates(const DeviceRates& rates) {
  for (const RealField& field : kReals) {
    const double value = rates.*field.member;
    const bool usable = field.may_be_zero ? value >= 0.0 : value > 0.0;
    if (!std::isfinite(value) || !usable) {
      return absl::InvalidArgumentError(absl::StrCat(
          field.key, ": expected a number above 0, found ", value));
    }
  }
  for (const SizeField& field : kSizes) {
    if (rates.*field.member < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat(field.key, ": expected no negative size, found ",
                       rates.*field.member));
    }
  }
  if (rates.total_bytes == 0) {
    return absl::InvalidArgumentError("total_bytes: expected a size, found 0");
  }
  return absl::OkStatus();
}

std::string RatesText(const std::vector<DeviceRates>& devices) {
  Json list = Json::array();
  for (const DeviceRates& rates : devices) {
    Json object;
    object["name"] = rates.name;
    for (const RealField& field : kReals) {
      object[field.key] = rates.*field.member;
    }
    object["link_uses_pcie"] = rates.link_uses_pcie;
    for (const SizeField& field : kSizes) {
      object[field.key] = rates.*field.member;
    }
    list.push_back(std::move(object));
  }
  const Json file = {{"schema", kSchema}, {"devices", std::move(list)}};
  return file.dump(2, ' ', true, Json::error_handler_t::replace) + "\n";
}

absl::StatusOr<std::vector<DeviceRates>> ParseRates(
    absl::string_view text, absl::string_view file_name) {
  const Json file = Json::parse(text.begin(), text.end(), nullptr,
                                /*allow_exceptions=*/false);
  if (file.is_discarded()) {
    return absl::InvalidArgumentError(
        absl::StrCat(file_name, ": this is no JSON"));
  }
  absl::StatusOr<std::vector<DeviceRates>> devices = ParseDevices(file);
  if (!devices.ok()) return Annotate(devices.status(), file_name);
  return devices;
}

absl::StatusOr<std::vector<DeviceRates>> ReadRatesFile(
    const std::string& path) {
  HP_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxFileBytes));
  return ParseRates(text, path);
}

}  // namespace halfpipe
