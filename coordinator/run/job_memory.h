// What a job's stages do with their saved tensors, where the model is split and
// how deep the pipeline runs ahead: from what the stages said of themselves.
#ifndef HP_COORDINATOR_RUN_JOB_MEMORY_H_
#define HP_COORDINATOR_RUN_JOB_MEMORY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/config/job_config.h"
#include "common/jobs/device_memory_use.h"
#include "common/jobs/stage_protocol.h"
#include "common/pipeline/schedule.h"
#include "coordinator/run/run_context.h"

namespace halfpipe {

struct JobMemory {
  int64_t split = 0;
  pipeline::Schedule schedule;
  std::vector<std::string> memory_plan;  // of StartCommand: a text a rank
  std::vector<int64_t> ffn_chunks;       // of StartCommand: a number a rank
  bool optimizer_on_host = false;        // of StartCommand
  std::vector<StageForecast> forecasts;  // one a rank; empty: no plan was made
  std::string summary;  // for the job's log; empty: nothing was planned
  // Why a plan was not made, or does not hold; empty: no reason.
  std::string warning;
};

// Where every stage has reported its device's rates, the memory planner decides
// what the config leaves to it (common/plan/planner.h): within
// pipeline.gpu_memory and what is free on each GPU, and within
// pipeline.host_memory, which stages on one host share, or what is available
// there less a reserve. Without rates, and for more than two stages, which the
// planner does not know: split and warm-up as SplitOf and ScheduleOf say, and
// `auto` recomputes every block, which always fits best.
//
// What others took of a device or host since the stage registered (heartbeats)
// is not planned with, nor is a pipeline.host_memory that is not there.
//
// A policy that was asked for by name is carried out even where the planner
// finds that it does not fit: the device has the last word.
//
// `pin_limits`: most bytes to pin, one a rank, because a stage was refused
// more; empty: none.
//
// InvalidArgument: a split or schedule that cannot be, rates that cannot be
// read. ResourceExhausted: no plan fits; the message says what would.
[[nodiscard]] absl::StatusOr<JobMemory> PlanJobMemory(
    const JobConfig& config, const ScanResult& scan,
    const std::vector<StageInfo>& stages,
    const std::vector<int64_t>& pin_limits = {});

// Whether `status` is PlanJobMemory's "no plan fits": another pair of stages
// may have the memory.
[[nodiscard]] bool IsNoPlan(const absl::Status& status);

// The memory plans of a run's starts, one after the other: a stage that was not
// let pin what it was to gets one that pins less. Not thread-safe.
class RunMemory {
 public:
  // `run` outlives it.
  explicit RunMemory(RunContext* run) : run_(run) {}

  // For the stages that are there; the host is told its forecasts. Codes:
  // PlanJobMemory's.
  [[nodiscard]] absl::StatusOr<JobMemory> Plan(const ScanResult& scan);
  // Of stages that go on with what was planned then, which is only known here
  // if it would be planned again.
  void Recall(const ScanResult& scan, const StartCommand& start);

  // ExplainFailure of a stage that is there.
  [[nodiscard]] absl::Status Explain(Rank rank,
                                     const absl::Status& status) const;
  // Whether the next plan pins less because of this failure.
  [[nodiscard]] bool PinLess(Rank rank, const absl::Status& status);

 private:
  RunContext* const run_;
  std::vector<StageForecast> forecasts_;  // of the present plan
  std::vector<int64_t> pin_limits_;       // of the next one
  int pin_refusals_ = 0;
  std::string refused_;  // the last refusal's message
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_RUN_JOB_MEMORY_H_
