// What one GPU was measured to do: all that the planner knows of hardware.
#ifndef HP_COMMON_PLAN_RATES_H_
#define HP_COMMON_PLAN_RATES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace halfpipe {

// Rates are those that the training kernels reach at training sizes, not what a
// data sheet says.
struct DeviceRates {
  std::string name;                          // "NVIDIA H200"
  double matmul_flops_per_second = 0.0;      // bf16 in, float32 sums
  double fp8_matmul_flops_per_second = 0.0;  // 0: the card has none
  double attention_forward_flops_per_second = 0.0;
  double attention_backward_flops_per_second = 0.0;
  double elementwise_bytes_per_second = 0.0;  // read and written together
  // Pinned memory, with the other direction busy at the same time.
  double host_to_device_bytes_per_second = 0.0;
  double device_to_host_bytes_per_second = 0.0;
  double link_bytes_per_second = 0.0;  // to the other stage, one way
  // The link goes through the host: its bytes take PCIe's time.
  bool link_uses_pcie = false;
  int64_t total_bytes = 0;  // of the device
  // What a stage may hold there in all: free now, and what it holds already.
  int64_t free_bytes = 0;
  // What a stage holds beside tensors: context, NCCL, workspaces.
  int64_t fixed_bytes = 0;

  friend bool operator==(const DeviceRates&, const DeviceRates&) = default;
};

// Measured on NVIDIA H200 pairs with NVLink (bench/README.md). Not an estimate
// for any other card.
[[nodiscard]] const DeviceRates& MeasuredH200();

// Cards of one name are the same card: what was measured apart (a warmer one, a
// busier moment) must not look like uneven cards. Each of their compute rates
// and PCIe rates becomes the lowest that one of them had; sizes stay.
[[nodiscard]] std::vector<DeviceRates> LevelEqualCards(
    std::vector<DeviceRates> devices);

// InvalidArgument: a rate that is not a finite number above 0 (fp8's may be 0),
// a size below 0, no total size.
[[nodiscard]] absl::Status CheckRates(const DeviceRates& rates);

// A rates file: {"schema": 1, "devices": [{"name": ..., ...}, ...]}, a device
// a stage in rank order, or one for all. ParseRates is the inverse of
// RatesText; InvalidArgument, starting with `file_name` (and ":LINE", where the
// text has several lines), for what is no such JSON, an unknown, missing or
// mistyped field, and CheckRates' reasons.
[[nodiscard]] std::string RatesText(const std::vector<DeviceRates>& devices);
[[nodiscard]] absl::StatusOr<std::vector<DeviceRates>> ParseRates(
    absl::string_view text, absl::string_view file_name);

// ParseRates of a file. NotFound and the other codes of ReadFile.
[[nodiscard]] absl::StatusOr<std::vector<DeviceRates>> ReadRatesFile(
    const std::string& path);

}  // namespace halfpipe

#endif  // HP_COMMON_PLAN_RATES_H_
