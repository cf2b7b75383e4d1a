// What a GPU does with the products, attentions and copies of training: the
// numbers that the memory planner decides with.
#ifndef HP_COMMON_STAGE_MEASURE_RATES_H_
#define HP_COMMON_STAGE_MEASURE_RATES_H_

#include <ATen/core/Tensor.h>

#include "absl/status/statusor.h"
#include "common/memory/rates.h"

namespace halfpipe {

// Measures `device` (CUDA) at the sizes of a 14B block, under load for long
// enough that a card which lowers its clock has lowered it: about four seconds,
// and 3 GB of its memory, which are given back. ResourceExhausted when that is
// not free; Internal for a device fault. Thread: the one that computes later.
[[nodiscard]] absl::StatusOr<DeviceRates> MeasureDeviceRates(at::Device device);

}  // namespace halfpipe

#endif  // HP_COMMON_STAGE_MEASURE_RATES_H_
