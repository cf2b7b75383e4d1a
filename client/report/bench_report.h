// What `halfpipe bench` measured, from the steps of its job.
#ifndef HP_CLIENT_REPORT_BENCH_REPORT_H_
#define HP_CLIENT_REPORT_BENCH_REPORT_H_

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/jobs/job_types.h"

namespace halfpipe {

// One stage over the measured steps.
struct BenchStage {
  int32_t rank = 0;
  int64_t peak_gpu_bytes = 0;     // the largest of any step
  double busy_ratio = 0.0;        // sum of busy seconds / sum of step seconds
  int64_t link_bytes = 0;         // sent in one step (median)
  int64_t pinned_host_bytes = 0;  // the largest of any step
  // With --profile, seconds of a step (mean): compute by operation; by group of
  // kernels, with "other" for the rest of the compute and "idle".
  std::map<std::string, double> action_seconds = {};
  std::map<std::string, double> kernel_seconds = {};
};

struct BenchResult {
  double s_per_step = 0.0;    // median
  double s_per_sample = 0.0;  // s_per_step / micro-batches
  double bubble_ratio = 0.0;  // 1 - mean of the stages' busy_ratio
  std::vector<BenchStage> stages;
};

// One finished step as the client saw it end.
struct BenchStep {
  StepProgress progress;
  double wall_seconds = 0.0;  // since the step before it ended
};

// From every step of the job, the first `warmup` of which do not count. A
// step's seconds are those between the ends of two steps, so that optimizer
// and control traffic are in them. FailedPrecondition unless there are exactly
// `measured` steps after the warm-up.
[[nodiscard]] absl::StatusOr<BenchResult> SummarizeBench(
    const std::vector<BenchStep>& steps, int64_t warmup, int64_t measured,
    int64_t micro_batches);

// The object that `bench -o json` prints; `config` becomes its "config".
[[nodiscard]] nlohmann::ordered_json BenchJson(
    const BenchResult& result, const nlohmann::ordered_json& config);

}  // namespace halfpipe

#endif  // HP_CLIENT_REPORT_BENCH_REPORT_H_
