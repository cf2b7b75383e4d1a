// What is decided once for a job or an epoch: pure functions from the config
// and the scan to commands.
#ifndef HP_COORDINATOR_RUN_JOB_PLAN_H_
#define HP_COORDINATOR_RUN_JOB_PLAN_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/config/job_config.h"
#include "common/jobs/job_types.h"
#include "common/jobs/stage_protocol.h"
#include "common/jobs/step_plan.h"
#include "common/pipeline/schedule.h"

namespace halfpipe {

// A job as its runner needs it. Its config has any number of stages, though the
// key pipeline.stages, which users write, is 1 or 2.
struct JobPlan {
  std::string id;
  JobKind kind = JobKind::kTrain;
  JobConfig config;
  std::string config_yaml;  // resolved, as the stages get it
  std::string config_digest;
  std::string record_dir;
  bool replace = false;      // what is in the way in the folder makes way
  bool accept_data = false;  // goes on with other data than its checkpoint's
  bool quick = false;        // of a check: nothing is decoded
  absl::Duration join_timeout = absl::InfiniteDuration();
};

// Shares of the samples that are not in the cache, one a rank, as even as can
// be: every `world`-th sample, so that long and short clips mix.
[[nodiscard]] std::vector<std::vector<SampleRef>> SplitUncached(
    const std::vector<SampleRef>& samples, int32_t world);

// One spelling for each folder, so that two can be compared: "/a/b/../c/" is
// "/a/c". Links are not followed.
[[nodiscard]] std::string NormalFolder(const std::string& path);

// Whether two normal paths lead to one folder: the same path, or links and
// mounts that end at the same place now. Asks the file system.
[[nodiscard]] bool IsSameFolder(const std::string& one,
                                const std::string& other);

// Blocks on rank 0: config.pipeline.split_at, or an even share of them, rounded
// up: half of them with two stages, with one stage all of them.
// InvalidArgument: a split that leaves a stage without blocks.
[[nodiscard]] absl::StatusOr<int64_t> SplitOf(const PipelineConfig& pipeline,
                                              int64_t layers);

// The schedule of every step. Warm-up `auto` is ChooseWarmup's on the nominal
// costs.
[[nodiscard]] absl::StatusOr<pipeline::Schedule> ScheduleOf(
    const JobConfig& config);

// "nccl" when the stages have GPUs, else "local". FailedPrecondition when one
// has a GPU and another has none.
[[nodiscard]] absl::StatusOr<std::string> LinkKindOf(
    const std::vector<StageInfo>& stages);

// The plan of one step: micro-batch m of step s takes the sample at position
// s * M + m of coordinator/run/sampling_order.h's order.
[[nodiscard]] StepPlan MakeStepPlan(const JobPlan& job,
                                    const std::vector<SampleRef>& samples,
                                    Epoch epoch, Step step,
                                    const std::string& schedule_hash);

// "diffsynth", ...: the names in lora.<format>.safetensors.
[[nodiscard]] std::vector<std::string> FormatNames(
    const std::vector<LoraFormat>& formats);

[[nodiscard]] std::vector<std::string> AllFormatNames();

// "lora.diffsynth.safetensors".
[[nodiscard]] std::string PublishedName(absl::string_view format);

// What exported files say of themselves: a pure function of the training
// config, the data and the step, so that equal trainings give equal files.
[[nodiscard]] std::map<std::string, std::string> ExportMetadata(
    const JobPlan& job, const ScanResult& scan, int64_t steps_done);

}  // namespace halfpipe

#endif  // HP_COORDINATOR_RUN_JOB_PLAN_H_
