#include "client/report/plan_report.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/jobs/progress.h"
#include "client/report/total_time.h"
#include "common/base/dtype.h"
#include "common/base/for_each.h"
#include "common/base/status.h"
#include "common/model/checkpoint.h"
#include "common/model/known_variants.h"
#include "common/plan/activation_plan.h"

namespace halfpipe {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kPlanSchema = 1;
constexpr int kTimelineColumns = 72;

bool IsCompute(const pipeline::Action& action) {
  return action.op == pipeline::Op::kForward ||
         action.op == pipeline::Op::kBackward;
}

// A column belongs to the action that runs in its middle.
void Draw(const pipeline::TimedAction& timed, double scale, std::string* line) {
  const char letter = timed.action.op == pipeline::Op::kForward ? 'F' : 'B';
  for (size_t column = 0; column < line->size(); ++column) {
    const double middle = (static_cast<double>(column) + 0.5) / scale;
    if (timed.start_seconds <= middle && middle < timed.end_seconds) {
      (*line)[column] = letter;
    }
  }
}

int32_t HeadOf(const TrainingPlan& plan) {
  return static_cast<int32_t>(plan.costs.segments.size()) - 1;
}

std::string HeadText(const PlanReport& report) {
  const PlanRequest& request = report.request;
  const pipeline::ScheduleOptions& schedule = report.plan.schedule.options;
  std::string text = absl::StrFormat(
      "model      %d blocks of width %d, %s weights, %d LoRA parameters\n"
      "clip       %d frames, %d tokens\n",
      request.model.layers, request.model.dim, WeightFormName(request.weights),
      request.lora_parameters, request.clip.frames(), request.clip.tokens());
  absl::StrAppend(&text, "schedule   ", ToString(schedule.name), ", ",
                  schedule.microbatches, " micro-batches");
  if (schedule.stages == 2 &&
      schedule.name == pipeline::ScheduleName::kOneFOneB) {
    absl::StrAppend(&text, ", warm-up ", schedule.warmup.first, " and ",
                    schedule.warmup.second);
  }
  if (pipeline::ChunksOf(schedule) > 1) {
    absl::StrAppend(&text, ", ", schedule.chunks, " chunks a stage, at most ",
                    schedule.live_chunks, " live");
  }
  absl::StrAppend(&text, "\nGPUs       ");
  for (size_t rank = 0; rank < request.devices.size(); ++rank) {
    absl::StrAppend(&text, rank == 0 ? "" : ", ", request.devices[rank].name);
  }
  if (report.rates_source.is_built_in()) {
    absl::StrAppend(
        &text, " (rates that come with halfpipe; --rates FILE for others)");
  }
  if (!report.rates_source.text.empty()) {
    absl::StrAppend(&text, "\nrates      ", report.rates_source.text);
  }
  for (const std::string& note : report.rates_source.notes) {
    absl::StrAppend(&text, "\n           ", note);
  }
  return text + "\n\n";
}

double TotalSeconds(const PlanReport& report) {
  return report.plan.step_seconds() * static_cast<double>(report.steps);
}

std::string TotalText(const PlanReport& report) {
  if (report.steps == 0) return "";
  const absl::Time end = report.start + absl::Seconds(TotalSeconds(report));
  return absl::StrCat(
      "in all     ", report.steps, report.steps == 1 ? " step, " : " steps, ",
      AboutText(TotalSeconds(report)), ", ends ",
      ClockText(end, report.start, absl::LocalTimeZone()),
      " if it starts now\n           (encoding, saves and validations come on "
      "top)\n");
}

std::string PlannedStageText(const StagePlan& stage, size_t rank,
                             int64_t first) {
  const StageCost& cost = stage.cost;
  std::string text = absl::StrFormat(
      "stage %d    blocks %d to %d, %d micro-batches live\n", rank, first,
      first + stage.activations.size() - 1, stage.live);
  absl::StrAppendFormat(&text, "  plan     %s\n", stage.activations.ToText());
  if (stage.ffn_chunks > 1) {
    absl::StrAppendFormat(
        &text, "           feed-forward and attention backward in %d parts\n",
        stage.ffn_chunks);
  }
  absl::StrAppendFormat(&text, "  GPU      peak %s of %s\n",
                        ReadableBytes(stage.peak_bytes),
                        ReadableBytes(stage.budget_bytes));
  absl::StrAppendFormat(
      &text,
      "           weights %s, trained %s, fixed %s, boundary %s, kept %s,\n"
      "           copies %s, at work %s, slack %s\n",
      ReadableBytes(stage.weight_bytes), ReadableBytes(stage.trained_bytes),
      ReadableBytes(stage.fixed_bytes), ReadableBytes(stage.boundary_bytes),
      ReadableBytes(cost.saved_bytes), ReadableBytes(cost.staging_bytes),
      ReadableBytes(cost.working_bytes), ReadableBytes(stage.slack_bytes));
  absl::StrAppendFormat(&text, "  host     pins %s",
                        ReadableBytes(stage.pinned_host_bytes()));
  if (stage.optimizer_host_bytes > 0) {
    absl::StrAppendFormat(&text, " (%s of them the optimizer)",
                          ReadableBytes(stage.optimizer_host_bytes));
  }
  text += '\n';
  absl::StrAppendFormat(
      &text,
      "  time     forward %.0f ms, backward %.0f ms (recomputing %.0f ms), "
      "waiting for copies %.0f ms\n",
      cost.forward_seconds * 1e3, cost.backward_seconds * 1e3,
      cost.recompute_seconds * 1e3, cost.stall_seconds * 1e3);
  return text;
}

Json StageJson(const StagePlan& stage, size_t rank, double busy_seconds,
               double step_seconds) {
  const StageCost& cost = stage.cost;
  return {{"stage", rank},
          {"blocks", stage.activations.size()},
          {"live_micro_batches", stage.live},
          {"plan", stage.activations.ToText()},
          {"ffn_chunks", stage.ffn_chunks},
          {"peak_gpu_bytes", stage.peak_bytes},
          {"gpu_budget_bytes", stage.budget_bytes},
          {"pinned_host_bytes", stage.pinned_host_bytes()},
          HP_MEMBERS(stage, optimizer_host_bytes, fixed_bytes, weight_bytes,
                     trained_bytes, boundary_bytes),
          HP_MEMBERS(cost, saved_bytes, staging_bytes, working_bytes),
          {"slack_bytes", stage.slack_bytes},
          HP_MEMBERS(cost, forward_seconds, backward_seconds, recompute_seconds,
                     stall_seconds),
          {"busy_ratio", busy_seconds / step_seconds}};
}

Json TimelineJson(const TrainingPlan& plan) {
  Json timeline = Json::array();
  for (size_t rank = 0; rank < plan.simulation.timeline.size(); ++rank) {
    for (const pipeline::TimedAction& timed : plan.simulation.timeline[rank]) {
      timeline.push_back({{"stage", rank},
                          {"action", pipeline::ToString(timed.action)},
                          HP_MEMBERS(timed, start_seconds, end_seconds)});
    }
  }
  return timeline;
}

absl::StatusOr<ModelSpec> Named(const char* key, const std::string& variant,
                                int64_t layers) {
  absl::StatusOr<ModelSpec> known = KnownModel(variant, layers);
  if (!known.ok()) return Annotate(known.status(), key);
  return known;
}

}  // namespace

std::string TimelineText(const TrainingPlan& plan, int columns) {
  std::string text;
  const double scale = columns / plan.step_seconds();
  for (size_t rank = 0; rank < plan.simulation.timeline.size(); ++rank) {
    const std::vector<pipeline::TimedAction>& actions =
        plan.simulation.timeline[rank];
    std::string line(static_cast<size_t>(columns), '.');
    for (const pipeline::TimedAction& timed : actions) {
      if (IsCompute(timed.action)) Draw(timed, scale, &line);
    }
    for (const pipeline::TimedAction& timed : actions) {
      if (!IsCompute(timed.action)) continue;
      if (timed.action.segment.value() != HeadOf(plan)) continue;
      // Narrower than a column, it would not show.
      const int column = static_cast<int>(timed.start_seconds * scale);
      line[static_cast<size_t>(std::min(column, columns - 1))] = 'h';
    }
    absl::StrAppend(&text, "  ", rank, " ", line, "\n");
  }
  return text;
}

std::string PlanText(const PlanReport& report) {
  const TrainingPlan& plan = report.plan;
  std::string text = HeadText(report);
  int64_t first = 0;
  for (size_t rank = 0; rank < plan.stages.size(); ++rank) {
    absl::StrAppend(&text, PlannedStageText(plan.stages[rank], rank, first));
    first += plan.stages[rank].activations.size();
  }
  absl::StrAppendFormat(
      &text, "\npredicted  %.4g s/step  %.4g s/sample  bubble %.1f%%\n",
      plan.step_seconds(), plan.sample_seconds(),
      plan.simulation.bubble_ratio * 100.0);
  absl::StrAppend(&text, TotalText(report));
  absl::StrAppend(&text, "pinned     ", ReadableBytes(plan.pinned_host_bytes()),
                  " in all\n");
  absl::StrAppend(&text, "longest    ", report.longest_frames,
                  " frames of this size fit, however slowly\n\n");
  return absl::StrCat(text, "one step (F forward, B backward, h head):\n",
                      TimelineText(plan, kTimelineColumns));
}

Json PlanJson(const PlanReport& report) {
  const TrainingPlan& plan = report.plan;
  const pipeline::ScheduleOptions& schedule = plan.schedule.options;
  Json json = {{"schema", kPlanSchema},
               {"s_per_step", plan.step_seconds()},
               {"s_per_sample", plan.sample_seconds()},
               {"bubble_ratio", plan.simulation.bubble_ratio},
               {"frames", report.request.clip.frames()},
               {"tokens", report.request.clip.tokens()},
               {"longest_frames", report.longest_frames},
               {"pinned_host_bytes", plan.pinned_host_bytes()},
               {"schedule", std::string(ToString(schedule.name))},
               {"micro_batches", schedule.microbatches},
               {"split", plan.split},
               {"warmup", {schedule.warmup.first, schedule.warmup.second}},
               {"built_in_rates", report.rates_source.is_built_in()},
               {"rates_source", report.rates_source.kind},
               {"rates_notes", report.rates_source.notes},
               {"steps", report.steps},
               {"total_seconds", TotalSeconds(report)}};
  Json stages = Json::array();
  for (size_t rank = 0; rank < plan.stages.size(); ++rank) {
    stages.push_back(StageJson(plan.stages[rank], rank,
                               plan.simulation.busy_seconds[rank],
                               plan.step_seconds()));
  }
  json["stages"] = std::move(stages);
  json["timeline"] = TimelineJson(plan);
  return json;
}

absl::StatusOr<ModelSpec> ReadJobModel(const ModelConfig& config) {
  if (config.is_random()) {
    return Named("model.random.variant", config.random.variant,
                 config.random.layers);
  }
  std::error_code error;
  if (std::filesystem::exists(config.dit, error)) {
    HP_ASSIGN_OR_RETURN(const WanCheckpoint checkpoint,
                        OpenWanCheckpoint(config.dit));
    return checkpoint.variant.spec;
  }
  if (config.variant != "auto" && !config.variant.empty()) {
    return Named("model.variant", config.variant, /*layers=*/0);
  }
  return absl::NotFoundError(absl::StrCat(
      "model.dit: ", config.dit,
      " is not on this machine; name model.variant to plan without it"));
}

}  // namespace halfpipe
