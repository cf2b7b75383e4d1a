#include "client/report/rates_table.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/jobs/progress.h"
#include "common/base/printable_text.h"

namespace halfpipe {
namespace {

constexpr int64_t kOthersHold = int64_t{2} << 30;

struct RateRow {
  const char* label;
  double DeviceRates::*rate;
  double unit;
};

constexpr RateRow kRateRows[] = {
    {"products in bf16, TFLOP/s", &DeviceRates::matmul_flops_per_second, 1e12},
    {"products in fp8, TFLOP/s", &DeviceRates::fp8_matmul_flops_per_second,
     1e12},
    {"attention forward, TFLOP/s",
     &DeviceRates::attention_forward_flops_per_second, 1e12},
    {"attention backward, TFLOP/s",
     &DeviceRates::attention_backward_flops_per_second, 1e12},
    {"its own memory, GB/s", &DeviceRates::elementwise_bytes_per_second, 1e9},
    {"from RAM to it, GB/s", &DeviceRates::host_to_device_bytes_per_second,
     1e9},
    {"from it to RAM, GB/s", &DeviceRates::device_to_host_bytes_per_second,
     1e9},
    {"to the next GPU, GB/s", &DeviceRates::link_bytes_per_second, 1e9},
};

std::string GpuLine(const DeviceRates& device, size_t index) {
  std::string line = absl::StrFormat(
      "GPU %d  %s, %s, %s free\n", index, PrintableText(device.name),
      ReadableBytes(device.total_bytes), ReadableBytes(device.free_bytes));
  const int64_t held = device.total_bytes - device.free_bytes;
  if (held > kOthersHold) {
    absl::StrAppend(&line, "       other programs hold ", ReadableBytes(held),
                    ": measured beside them, and not kept\n");
  }
  return line;
}

}  // namespace

std::string RatesTable(const std::vector<DeviceRates>& devices) {
  std::string text;
  for (size_t i = 0; i < devices.size(); ++i) {
    absl::StrAppend(&text, GpuLine(devices[i], i));
  }
  absl::StrAppendFormat(&text, "\n%-28s", "");
  for (size_t i = 0; i < devices.size(); ++i) {
    absl::StrAppendFormat(&text, "%9s", absl::StrCat("GPU ", i));
  }
  text += '\n';
  for (const RateRow& row : kRateRows) {
    absl::StrAppendFormat(&text, "%-28s", row.label);
    for (const DeviceRates& device : devices) {
      const double rate = device.*row.rate / row.unit;
      absl::StrAppendFormat(
          &text, "%9s", rate > 0.0 ? absl::StrFormat("%.4g", rate) : "none");
    }
    text += '\n';
  }
  return text;
}

}  // namespace halfpipe
