// The job that `halfpipe bench` runs, and what it takes from its events.
#ifndef HP_CLIENT_REPORT_BENCH_JOB_H_
#define HP_CLIENT_REPORT_BENCH_JOB_H_

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/report/bench_report.h"
#include "common/config/job_config.h"

namespace halfpipe {

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

#endif  // HP_CLIENT_REPORT_BENCH_JOB_H_
