// What a GPU does with the products, attentions and copies of training: the
// numbers that the memory planner decides with.
#ifndef HP_STAGE_JOB_MEASURE_RATES_H_
#define HP_STAGE_JOB_MEASURE_RATES_H_

#include <ATen/core/Tensor.h>

#include "absl/status/statusor.h"
#include "common/plan/rates.h"

namespace halfpipe {

// Measures `device` (CUDA) at the sizes of a 14B block, under load for long
// enough that a card which lowers its clock has lowered it: about four seconds,
// and 3 GB of its memory, which are given back. With `known`, the rates that it
// was measured to have before, those are taken, and it is asked only what is
// true now: sizes, peers, and what running the kernels leaves on the card.
// ResourceExhausted when the memory is not free; Internal for a device fault.
// Thread: the one that computes later.
[[nodiscard]] absl::StatusOr<DeviceRates> MeasureDeviceRates(
    at::Device device, const DeviceRates* known = nullptr);

}  // namespace halfpipe

#endif  // HP_STAGE_JOB_MEASURE_RATES_H_
