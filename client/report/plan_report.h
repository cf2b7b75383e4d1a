// A training plan as people and programs read it.
#ifndef HP_CLIENT_REPORT_PLAN_REPORT_H_
#define HP_CLIENT_REPORT_PLAN_REPORT_H_

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/config/job_config.h"
#include "common/model/model_spec.h"
#include "common/plan/planner.h"

namespace halfpipe {

// Where the rates of a plan come from.
struct RatesSource {
  // Nobody measured the cards of the plan.
  [[nodiscard]] bool is_built_in() const { return kind == "built_in"; }

  // "built_in", "measured" (by this machine's stages), "file" or "datasheet".
  std::string kind = "built_in";
  std::string text;                // for people: where from, what to do
  std::vector<std::string> notes;  // what else to know, a sentence each
};

struct PlanReport {
  PlanRequest request;
  TrainingPlan plan;
  int64_t longest_frames = 0;
  RatesSource rates_source;
  int64_t steps = 0;                        // train.steps
  absl::Time start = absl::InfinitePast();  // when it would start: now
};

// Several lines: what is trained, a table of the stages, their plans, seconds,
// a timeline, and the longest clip that fits.
[[nodiscard]] std::string PlanText(const PlanReport& report);

// {"schema": 1, "s_per_step", "s_per_sample", "bubble_ratio", "split",
// "warmup", "longest_frames", "stages": [...], "timeline": [...]}: docs/cli.md.
[[nodiscard]] nlohmann::ordered_json PlanJson(const PlanReport& report);

// One step, a line a stage, `columns` wide: F and B for forward and backward of
// a stage's blocks, h for the head, a dot where the stage waits.
[[nodiscard]] std::string TimelineText(const TrainingPlan& plan, int columns);

// Reads the headers of model.dit, and no weights; a random model's sizes are
// those of the variant that it names. Where the weights are not on this
// machine, model.variant names them. Codes: OpenWanCheckpoint's;
// InvalidArgument for a variant that is not known; NotFound when there is
// neither a checkpoint nor a variant.
[[nodiscard]] absl::StatusOr<ModelSpec> ReadJobModel(const ModelConfig& config);

}  // namespace halfpipe

#endif  // HP_CLIENT_REPORT_PLAN_REPORT_H_
