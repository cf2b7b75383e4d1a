// From a job to what the planner is asked.
#ifndef HP_COMMON_PLAN_PLAN_REQUEST_H_
#define HP_COMMON_PLAN_PLAN_REQUEST_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "common/config/job_config.h"
#include "common/plan/planner.h"

namespace halfpipe {

// What of a host's available memory is left to everything else.
inline constexpr int64_t kHostReserveBytes = int64_t{4} << 30;

// Of a budget that the job sets, what of the available memory it cannot have:
// the last of it is nobody's to pin.
inline constexpr int64_t kHostFloorBytes = int64_t{1} << 30;

// Parts into which stages can cut the feed-forward layer's backward.
inline constexpr int64_t kMaxFfnChunks = 8;

// The largest clip that a job's data can hold: data.frames of the given size,
// or of data.max_pixels. TI2V models have coarser latents.
[[nodiscard]] ClipShape LargestClip(const DataConfig& data,
                                    const ModelSpec& model);

// LoRA parameters of the whole model.
[[nodiscard]] int64_t LoraParameters(const ModelSpec& model,
                                     const LoraConfig& lora);

// What is pinned at most: pipeline.host_memory, else what is available on each
// host less the reserve. `available_bytes`: one host, or one a stage.
[[nodiscard]] std::vector<int64_t> HostBudgets(
    const PipelineConfig& pipeline,
    const std::vector<int64_t>& available_bytes);

// InvalidArgument: a dtype that plans are not made for (fp32).
[[nodiscard]] absl::StatusOr<PlanRequest> MakePlanRequest(
    const JobConfig& config, const ModelSpec& model,
    const std::vector<DeviceRates>& devices,
    const std::vector<int64_t>& available_host_bytes);

}  // namespace halfpipe

#endif  // HP_COMMON_PLAN_PLAN_REQUEST_H_
