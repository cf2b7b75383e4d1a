#include "client/jobs/job_json.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <variant>

#include "common/base/failure.h"
#include "common/base/for_each.h"
#include "common/base/printable_text.h"

namespace halfpipe {
namespace {

using Json = nlohmann::ordered_json;

Json TimeJson(absl::Time time) {
  if (time == absl::UnixEpoch()) return nullptr;
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone());
}

Json TimeJson(const std::optional<absl::Time>& time) {
  return time.has_value() ? TimeJson(*time) : Json(nullptr);
}

Json ErrorJson(const absl::Status& error) {
  if (error.ok()) return nullptr;
  return {{"code", absl::StatusCodeToString(error.code())},
          {"message", std::string(error.message())}};
}

// For programs; those of records from before there were kinds are "unknown".
Json FailureJson(const absl::Status& error) {
  if (error.ok()) return nullptr;
  const Failure failure = FailureOf(error).value_or(Failure());
  return {{"kind", std::string(FailureKindName(failure.kind))},
          {"stage",
           failure.stage.has_value() ? Json(*failure.stage) : Json(nullptr)},
          {"remedy", std::string(RemedyName(failure.remedy))}};
}

Json CheckpointJson(const Checkpoint& checkpoint) {
  return {HP_MEMBERS(checkpoint, steps_done, directory),
          {"time", TimeJson(checkpoint.time)},
          {"bytes", checkpoint.bytes}};
}

Json ValidationJson(const ValidationResult& result) {
  Json bands = Json::array();
  for (const ValidationBand& band : result.bands) {
    bands.push_back({HP_MEMBERS(band, timestep, loss)});
  }
  const bool any = result.best_steps > 0;
  return {HP_MEMBERS(result, steps_done, loss),
          {"bands", std::move(bands)},
          {"best_steps_done", any ? Json(result.best_steps) : Json(nullptr)},
          {"best_loss", any ? Json(result.best_loss) : Json(nullptr)}};
}

// Null where it is not known.
Json MemoryJson(const DeviceMemoryUse& memory) {
  if (memory == DeviceMemoryUse()) return nullptr;
  return {HP_MEMBERS(memory, weights_bytes, lora_bytes, optimizer_bytes,
                     activations_bytes, workspace_bytes, free_bytes)};
}

Json ForecastsJson(const std::vector<StageForecast>& forecasts) {
  Json list = Json::array();
  for (const StageForecast& forecast : forecasts) {
    list.push_back(
        {HP_MEMBERS(forecast, peak_bytes, budget_bytes, pinned_bytes),
         {"memory", MemoryJson(forecast.memory)}});
  }
  return list;
}

Json StageUseJson(const StageUse& stage) {
  return {HP_MEMBERS(stage, rank, idle_ratio, busy_seconds, device_bytes_in_use,
                     device_peak_bytes, device_total_bytes, pinned_host_bytes,
                     link_bytes_sent),
          {"device_memory", MemoryJson(stage.device_memory)}};
}

// Adds the event's type and its fields.
struct AddEvent {
  Json& json;

  void operator()(const StateChange& change) const {
    json["type"] = "state";
    json["state"] = std::string(JobStateName(change.state));
    json["reason"] = change.reason;
    json["error"] = ErrorJson(change.error);
    json["failure"] = FailureJson(change.error);
  }

  void operator()(const StepProgress& step) const {
    json["type"] = "step";
    json.update(ToJson(step));
  }

  void operator()(const EncodingProgress& encoding) const {
    json["type"] = "encoding";
    json["samples_done"] = encoding.samples_done;
    json["samples_total"] = encoding.samples_total;
    json["activity"] = encoding.activity;
  }

  void operator()(const LogLine& line) const {
    static constexpr const char* kNames[] = {"", "info", "warning", "error"};
    json["type"] = "log";
    json["severity"] = kNames[static_cast<int>(line.severity)];
    json["text"] = line.text;
    json["stage"] = line.stage.has_value() ? Json(*line.stage) : Json(nullptr);
  }

  void operator()(const Checkpoint& checkpoint) const {
    json["type"] = "checkpoint";
    json["checkpoint"] = CheckpointJson(checkpoint);
  }

  void operator()(const ValidationResult& result) const {
    json["type"] = "validation";
    json.update(ValidationJson(result));
  }
};

}  // namespace

nlohmann::ordered_json ToJson(const StepProgress& step) {
  Json stages = Json::array();
  for (const StageUse& stage : step.stages) {
    stages.push_back(StageUseJson(stage));
  }
  return {HP_MEMBERS(step, steps_done, steps_total, loss, smoothed_loss,
                     learning_rate, grad_norm, step_seconds, eta_seconds,
                     next_checkpoint_step, next_checkpoint_seconds),
          {"stages", std::move(stages)}};
}

nlohmann::ordered_json ToJson(const JobEvent& event) {
  Json json = {{"cursor", event.cursor}, {"time", TimeJson(event.time)}};
  std::visit(AddEvent{json}, event.what);
  return json;
}

nlohmann::ordered_json ToJson(const Job& job) {
  Json json = {
      HP_MEMBERS(job, id, name),
      {"kind", std::string(JobKindName(job.kind))},
      {"state", std::string(JobStateName(job.state))},
      {"reason", job.reason},
      {"error", ErrorJson(job.error)},
      {"failure", FailureJson(job.error)},
      {"labels", job.labels},
      {"created", TimeJson(job.created)},
      {"started", TimeJson(job.started)},
      {"ended", TimeJson(job.ended)},
      HP_MEMBERS(job, steps_done, steps_total, epoch, restarts, queue_position,
                 priority, retry_limit, retries),
      {"retry_at", TimeJson(job.retry_at)},
      HP_MEMBERS(job, requested_pair, pair, last_cursor, config_digest)};
  json["last_step"] =
      job.last_step.has_value() ? ToJson(*job.last_step) : Json(nullptr);
  json["last_validation"] = job.last_validation.has_value()
                                ? ValidationJson(*job.last_validation)
                                : Json(nullptr);
  json["forecasts"] = ForecastsJson(job.forecasts);
  json["checkpoints"] = Json::array();
  for (const Checkpoint& checkpoint : job.checkpoints) {
    json["checkpoints"].push_back(CheckpointJson(checkpoint));
  }
  json["exports"] = job.exports;
  if (!job.config_yaml.empty()) json["config_yaml"] = job.config_yaml;
  return json;
}

nlohmann::ordered_json ToJson(const ServerInfo& info) {
  Json json = {
      HP_MEMBERS(info, version, listen_address, metrics_address, state_dir),
      {"started", TimeJson(info.started)},
      {"stages", Json::array()}};
  for (const StageState& stage : info.stages) {
    json["stages"].push_back(
        {HP_MEMBERS(stage, pair, rank, host, pid, device, device_name, gpu_uuid,
                    device_total_bytes, device_bytes_in_use, version, activity),
         {"silent_seconds", absl::ToDoubleSeconds(stage.silent)}});
  }
  return json;
}

std::string JsonText(const nlohmann::ordered_json& json, int indent) {
  return PrintableJson(json.dump(
      indent, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

}  // namespace halfpipe
