#include "common/plan/rates.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/file.h"
#include "common/base/nearest.h"
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

// This function and the next two set the last argument to the key that they
// refuse.
absl::Status CheckKeys(const Json& object, std::string* wrong) {
  std::vector<std::string> known = {"name", "link_uses_pcie"};
  for (const RealField& field : kReals) known.emplace_back(field.key);
  for (const SizeField& field : kSizes) known.emplace_back(field.key);
  for (const auto& [key, value] : object.items()) {
    if (absl::c_linear_search(known, key)) continue;
    *wrong = key;
    const std::optional<std::string> near = Nearest(key, known);
    return absl::InvalidArgumentError(absl::StrCat(
        "'", key, "' is no field of a device's rates",
        near.has_value() ? absl::StrCat("; did you mean '", *near, "'?") : ""));
  }
  return absl::OkStatus();
}

absl::Status CheckValues(const DeviceRates& rates, std::string* key) {
  for (const RealField& field : kReals) {
    const double value = rates.*field.member;
    *key = field.key;
    const bool usable = field.may_be_zero ? value >= 0.0 : value > 0.0;
    if (!std::isfinite(value) || !usable) {
      return absl::InvalidArgumentError(absl::StrCat(
          field.key, ": expected a number above 0, found ", value));
    }
  }
  for (const SizeField& field : kSizes) {
    *key = field.key;
    if (rates.*field.member < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat(field.key, ": expected no negative size, found ",
                       rates.*field.member));
    }
  }
  *key = "total_bytes";
  if (rates.total_bytes == 0) {
    return absl::InvalidArgumentError("total_bytes: expected a size, found 0");
  }
  return absl::OkStatus();
}

absl::StatusOr<DeviceRates> ParseDevice(const Json& object, std::string* key) {
  if (!object.is_object()) return Wrong("device", "an object", &object);
  HP_RETURN_IF_ERROR(CheckKeys(object, key));
  DeviceRates rates;
  *key = "name";
  const Json* name = Find(object, "name");
  if (name == nullptr || !name->is_string()) {
    return Wrong("name", "a text", name);
  }
  rates.name = name->get<std::string>();
  for (const RealField& field : kReals) {
    *key = field.key;
    const Json* value = Find(object, field.key);
    if (value == nullptr || !value->is_number()) {
      return Wrong(field.key, "a number", value);
    }
    rates.*field.member = value->get<double>();
  }
  for (const SizeField& field : kSizes) {
    *key = field.key;
    const Json* value = Find(object, field.key);
    if (value == nullptr || !value->is_number_integer()) {
      return Wrong(field.key, "a whole number of bytes", value);
    }
    rates.*field.member = value->get<int64_t>();
  }
  *key = "link_uses_pcie";
  const Json* pcie = Find(object, "link_uses_pcie");
  if (pcie == nullptr || !pcie->is_boolean()) {
    return Wrong("link_uses_pcie", "true or false", pcie);
  }
  rates.link_uses_pcie = pcie->get<bool>();
  HP_RETURN_IF_ERROR(CheckValues(rates, key));
  return rates;
}

// The lines, from 1, on which the keys of a rates file stand. For JSON that was
// parsed already: nlohmann's parser keeps no places.
class RatesLines {
 public:
  explicit RatesLines(absl::string_view text) : text_(text) {
    for (; at_ < text_.size(); ++at_) See(text_[at_]);
  }

  // Of a key of devices[index], or of the file itself (index -1); else of the
  // device's beginning; else 1.
  [[nodiscard]] int LineOf(int index, const std::string& key) const {
    const auto found = lines_.find({index, key});
    if (found != lines_.end()) return found->second;
    const bool is_known = index >= 0 && index < std::ssize(starts_);
    return is_known ? starts_[static_cast<size_t>(index)] : 1;
  }

 private:
  void See(char c) {
    if (c == '\n') ++line_;
    if (c == '"') ReadString();
    if (c == '}' || c == ']') --depth_;
    if (c != '{' && c != '[') return;
    // The file, its list, and in that a device.
    if (++depth_ == kDeviceDepth) starts_.push_back(line_);
  }

  void ReadString() {
    const size_t begin = ++at_;
    while (at_ < text_.size() && text_[at_] != '"') {
      at_ += text_[at_] == '\\' ? 2 : 1;
    }
    const size_t next = text_.find_first_not_of(" \t\r\n", at_ + 1);
    if (next == absl::string_view::npos || text_[next] != ':') return;
    const int index =
        depth_ < kDeviceDepth ? -1 : static_cast<int>(starts_.size()) - 1;
    lines_.emplace(
        std::pair(index, std::string(text_.substr(begin, at_ - begin))), line_);
  }

  static constexpr int kDeviceDepth = 3;

  absl::string_view text_;
  size_t at_ = 0;
  int line_ = 1;
  int depth_ = 0;
  std::vector<int> starts_;  // of the devices
  std::map<std::pair<int, std::string>, int> lines_;
};

std::string WithLine(absl::string_view file_name, absl::string_view text,
                     int line) {
  // A text of one line came from no editor.
  if (!absl::StrContains(absl::StripTrailingAsciiWhitespace(text), '\n')) {
    return std::string(file_name);
  }
  return absl::StrCat(file_name, ":", line);
}

// Where a text that is no JSON stops being it.
int LineOfByte(absl::string_view text, size_t byte) {
  return 1 + static_cast<int>(absl::c_count(
                 text.substr(0, std::min(byte, text.size())), '\n'));
}

// What a file is refused for: a key of a device, or of the file (-1).
struct RatesPlace {
  int device = -1;
  std::string key;
};

absl::StatusOr<std::vector<DeviceRates>> ParseDevices(const Json& file,
                                                      RatesPlace* place) {
  if (!file.is_object()) {
    return absl::InvalidArgumentError("expected a JSON object");
  }
  place->key = "schema";
  const Json* schema = Find(file, "schema");
  if (schema == nullptr || *schema != kSchema) {
    return Wrong("schema", absl::StrCat(kSchema), schema);
  }
  place->key = "devices";
  const Json* list = Find(file, "devices");
  if (list == nullptr || !list->is_array() || list->empty()) {
    return Wrong("devices", "a list of at least one device", list);
  }
  std::vector<DeviceRates> devices;
  for (const Json& object : *list) {
    *place = {static_cast<int>(devices.size()), ""};
    absl::StatusOr<DeviceRates> device = ParseDevice(object, &place->key);
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
  std::string key;
  return CheckValues(rates, &key);
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
  Json file;
  try {
    file = Json::parse(text.begin(), text.end());
  } catch (const Json::parse_error& error) {
    return absl::InvalidArgumentError(
        absl::StrCat(WithLine(file_name, text, LineOfByte(text, error.byte)),
                     ": this is no JSON"));
  } catch (const Json::exception&) {
    return absl::InvalidArgumentError(
        absl::StrCat(file_name, ": this is no JSON"));
  }
  RatesPlace place;
  absl::StatusOr<std::vector<DeviceRates>> devices = ParseDevices(file, &place);
  if (devices.ok()) return devices;
  const int line = RatesLines(text).LineOf(place.device, place.key);
  return Annotate(devices.status(), WithLine(file_name, text, line));
}

absl::StatusOr<std::vector<DeviceRates>> ReadRatesFile(
    const std::string& path) {
  HP_ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxFileBytes));
  return ParseRates(text, path);
}

}  // namespace halfpipe
