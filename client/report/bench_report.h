// The job that `halfpipe bench` runs, and what it measured, from the steps of
// that job.
#ifndef HP_CLIENT_REPORT_BENCH_REPORT_H_
#define HP_CLIENT_REPORT_BENCH_REPORT_H_

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/config/job_config.h"
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

// Steps before the measured ones: allocators, autotuning and caches settle.
inline constexpr int64_t kBenchWarmupSteps = 1;

// The command's flags. Texts are those of the job file's keys.
struct BenchOptions {
  std::string variant;
  int64_t height = 480;
  int64_t width = 832;
  int64_t frames = 49;
  int64_t micro_batches = 8;
  int64_t steps = 5;  // measured
  std::string schedule = "1f1b";
  int64_t stages = 2;
  std::string weights = "bf16";
  int64_t rank = 32;
  int64_t layers = 0;  // 0: the variant's
  std::string gpu_memory = "auto";
  std::string host_memory = "auto";
  std::string memory = "auto";
  std::string device = "auto";
  std::string dtype = "bf16";
  int64_t threads = 1;
  bool profile = false;
};

// The job, with `directory`/output as its output. InvalidArgument lists every
// flag that has no valid value, under its key in the job file.
[[nodiscard]] absl::StatusOr<JobConfig> BenchJobConfig(
    const BenchOptions& options, const std::string& directory);

// The report's "config": every flag by its name with '_' for '-'.
[[nodiscard]] nlohmann::ordered_json BenchConfigJson(
    const BenchOptions& options);

// A step that ended at `end`, the one before it at `previous_end` (infinite
// past: there was none, and the stages' own time is taken).
[[nodiscard]] BenchStep MeasureStep(const StepProgress& step, absl::Time end,
                                    absl::Time previous_end);

}  // namespace halfpipe

#endif  // HP_CLIENT_REPORT_BENCH_REPORT_H_
