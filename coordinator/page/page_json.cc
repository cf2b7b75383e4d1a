#include "coordinator/page/page_json.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "common/base/for_each.h"
#include "common/pipeline/transfer_ends.h"
#include "coordinator/page/job_actions.h"

namespace halfpipe {
namespace {

using Json = nlohmann::ordered_json;

// A number that is none becomes null, a byte that is no UTF-8 a sign for it.
std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

double SecondsSinceEpoch(absl::Time time) {
  return absl::ToDoubleSeconds(time - absl::UnixEpoch());
}

Json StageJson(const StageState& stage) {
  return {HP_MEMBERS(stage, pair, rank, host, device, device_name),
          {"total_bytes", stage.device_total_bytes},
          {"in_use_bytes", stage.device_bytes_in_use},
          {"activity", stage.activity},
          {"silent_seconds", absl::ToDoubleSeconds(stage.silent)}};
}

// Null where it is not known.
Json MemoryJson(const DeviceMemoryUse& memory) {
  if (memory == DeviceMemoryUse()) return nullptr;
  return {HP_MEMBERS(memory, weights_bytes, lora_bytes, optimizer_bytes,
                     activations_bytes, workspace_bytes, free_bytes)};
}

Json ForecastJson(const StageForecast& plan) {
  return {HP_MEMBERS(plan, peak_bytes, budget_bytes, pinned_bytes),
          {"memory", MemoryJson(plan.memory)}};
}

// `plan` is null where none was made.
Json UseJson(const StageUse& use, const StageForecast* plan) {
  return {HP_MEMBERS(use, rank, idle_ratio),
          {"in_use_bytes", use.device_bytes_in_use},
          {"peak_bytes", use.device_peak_bytes},
          {"total_bytes", use.device_total_bytes},
          {"pinned_host_bytes", use.pinned_host_bytes},
          {"memory", MemoryJson(use.device_memory)},
          {"plan", plan == nullptr ? Json() : ForecastJson(*plan)}};
}

// Not the client's form (client/jobs/job_json.cc), which scripts read: the page
// asks every few seconds and is sent what it draws, with times as numbers.
Json JobJson(const Job& job) {
  Json json = {
      HP_MEMBERS(job, id, name),
      {"kind", std::string(JobKindName(job.kind))},
      {"state", std::string(JobStateName(job.state))},
      {"reason", job.reason},
      {"error", std::string(job.error.message())},
      HP_MEMBERS(job, labels, pair),
      {"created", SecondsSinceEpoch(job.created)},
      HP_MEMBERS(job, steps_done, steps_total, queue_position, priority,
                 restarts),
      {"checkpoint_steps",
       job.checkpoints.empty() ? 0 : job.checkpoints.back().steps_done}};
  if (job.started.has_value()) {
    json["started"] = SecondsSinceEpoch(*job.started);
  }
  if (job.ended.has_value()) json["ended"] = SecondsSinceEpoch(*job.ended);
  if (!job.last_step.has_value()) return json;
  const StepProgress& step = *job.last_step;
  json["loss"] = step.loss;
  json["smoothed_loss"] = step.smoothed_loss;
  json["learning_rate"] = step.learning_rate;
  json["step_seconds"] = step.step_seconds;
  json["eta_seconds"] = step.eta_seconds;
  Json stages = Json::array();
  for (const StageUse& use : step.stages) {
    const auto index = static_cast<size_t>(use.rank);
    stages.push_back(UseJson(
        use, index < job.forecasts.size() ? &job.forecasts[index] : nullptr));
  }
  json["stages"] = stages;
  return json;
}

// Where an action is drawn, by the same words as in a Perfetto trace.
const char* CategoryOf(pipeline::Op op) {
  switch (op) {
    case pipeline::Op::kForward:
      return "forward";
    case pipeline::Op::kBackward:
      return "backward";
    case pipeline::Op::kOptimizerStep:
      return "optimizer";
    default:
      return "transfer";
  }
}

Json TimelineJson(const StepTrace& trace) {
  std::vector<std::vector<pipeline::TimedAction>> ranks;
  for (const StageTrace& stage : trace.stages) ranks.push_back(stage.actions);
  pipeline::AlignClocks(&ranks);
  double seconds = 0.0;
  Json stages = Json::array();
  for (size_t i = 0; i < ranks.size(); ++i) {
    const StageTrace& stage = trace.stages[i];
    Json actions = Json::array();
    for (const pipeline::TimedAction& timed : ranks[i]) {
      seconds = std::max(seconds, timed.end_seconds);
      actions.push_back({pipeline::ToString(timed.action),
                         CategoryOf(timed.action.op), timed.start_seconds,
                         timed.end_seconds});
    }
    stages.push_back({HP_MEMBERS(stage, rank, step_seconds, busy_seconds,
                                 bubble_seconds, recv_seconds, data_seconds),
                      {"actions", actions}});
  }
  return {{"steps_done", trace.steps_done},
          {"time", SecondsSinceEpoch(trace.time)},
          {"seconds", seconds},
          {"stages", stages}};
}

}  // namespace

std::string OverviewJson(const ServerInfo& info, const std::vector<Job>& live,
                         const std::vector<Job>& ended, absl::Time now) {
  std::vector<const Job*> order;
  for (const Job& job : live) order.push_back(&job);
  // 0, under way, before 1, the next one; paused jobs have none.
  const auto place = [](const Job* job) {
    return job->state == JobState::kPaused ? std::numeric_limits<int64_t>::max()
                                           : job->queue_position;
  };
  std::stable_sort(order.begin(), order.end(), [&](const Job* a, const Job* b) {
    return place(a) < place(b);
  });
  for (const Job& job : ended) order.push_back(&job);
  Json jobs = Json::array();
  for (const Job* job : order) jobs.push_back(JobJson(*job));
  Json stages = Json::array();
  for (const StageState& stage : info.stages)
    stages.push_back(StageJson(stage));
  return Dump({{"version", info.version},
               {"now", SecondsSinceEpoch(now)},
               {"stages", stages},
               {"jobs", jobs}});
}

std::string JobPageJson(const Job& job, const std::vector<LossPoint>& curve,
                        const std::vector<StepTrace>& trace, absl::Time now,
                        const PageRights& rights) {
  Json json = JobJson(job);
  json["looks_closely"] = rights.looks_closely;
  json["actions"] = rights.acts ? Json(ActionsIn(job.state)) : Json::array();
  json["now"] = SecondsSinceEpoch(now);
  Json points = Json::array();
  for (const LossPoint& point : curve) {
    points.push_back({point.steps_done, point.loss, point.smoothed});
  }
  json["curve"] = points;
  json["timeline"] = trace.empty() ? Json() : TimelineJson(trace.back());
  Json validation;
  if (job.last_validation.has_value()) {
    validation = {{"steps_done", job.last_validation->steps_done},
                  {"loss", job.last_validation->loss},
                  {"best_steps", job.last_validation->best_steps},
                  {"best_loss", job.last_validation->best_loss}};
  }
  json["validation"] = validation;
  return Dump(json);
}

std::string ErrorJson(absl::string_view text) {
  Json json;
  json["error"] = std::string(text);
  return Dump(json);
}

}  // namespace halfpipe
