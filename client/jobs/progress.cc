#include "client/jobs/progress.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/base/printable_text.h"

namespace halfpipe {
namespace {

constexpr double kBytesPerGiB = 1024.0 * 1024.0 * 1024.0;

std::string StateText(const StateChange& change) {
  std::string text(JobStateName(change.state));
  if (!change.reason.empty()) absl::StrAppend(&text, ": ", change.reason);
  const absl::string_view error = change.error.message();
  // The reason often is the error's message already.
  if (!change.error.ok() && error != change.reason) {
    absl::StrAppend(&text, ": ", error);
  }
  return PrintableLines(text);
}

absl::string_view SeverityPrefix(LogSeverity severity) {
  switch (severity) {
    case LogSeverity::kWarning:
      return "warning: ";
    case LogSeverity::kError:
      return "error: ";
    case LogSeverity::kInfo:
      break;
  }
  return "";
}

}  // namespace

std::string ReadableSeconds(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0.0) return "?";
  const auto total = static_cast<int64_t>(std::llround(seconds));
  const int64_t hours = total / 3600;
  const int64_t minutes = total / 60 % 60;
  if (hours >= 48) {
    return absl::StrFormat("%dd%02dh", hours / 24, hours % 24);
  }
  if (hours > 0) return absl::StrFormat("%dh%02dm", hours, minutes);
  if (minutes > 0) return absl::StrFormat("%dm%02ds", minutes, total % 60);
  return absl::StrFormat("%ds", total);
}

std::string ReadableBytes(int64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024.0 && unit + 1 < std::size(kUnits)) {
    value /= 1024.0;
    ++unit;
  }
  return absl::StrFormat("%.*f %s", unit == 0 ? 0 : 1, value, kUnits[unit]);
}

std::string StageText(const StageUse& stage) {
  const std::string idle =
      absl::StrFormat("%.0f%% idle", 100.0 * std::max(0.0, stage.idle_ratio));
  if (stage.device_total_bytes <= 0) {
    return absl::StrFormat("stage%d %s", stage.rank, idle);
  }
  return absl::StrFormat(
      "gpu%d %.1f/%.0f GiB, %s", stage.rank,
      static_cast<double>(stage.device_bytes_in_use) / kBytesPerGiB,
      static_cast<double>(stage.device_total_bytes) / kBytesPerGiB, idle);
}

std::string MemoryText(const DeviceMemoryUse& memory) {
  const std::pair<const char*, int64_t> kinds[] = {
      {"weights", memory.weights_bytes},
      {"LoRA", memory.lora_bytes},
      {"optimizer", memory.optimizer_bytes},
      {"activations", memory.activations_bytes},
      {"workspace", memory.workspace_bytes},
      {"free", memory.free_bytes}};
  std::vector<std::string> parts;
  for (const auto& [kind, bytes] : kinds) {
    if (bytes <= 0) continue;
    parts.push_back(absl::StrCat(kind, " ", ReadableBytes(bytes)));
  }
  return absl::StrJoin(parts, ", ");
}

std::string StepText(const StepProgress& step) {
  std::string text = absl::StrFormat(
      "step %d/%d  loss %.4g (avg %.4g)  %.3g s/it", step.steps_done,
      step.steps_total, step.loss, step.smoothed_loss, step.step_seconds);
  if (!(step.eta_seconds < 0.0)) {
    absl::StrAppend(&text, "  ETA ", ReadableSeconds(step.eta_seconds));
  }
  // After a save's own step there is none to look forward to.
  if (step.next_checkpoint_step > step.steps_done) {
    absl::StrAppend(&text, "  save in ",
                    ReadableSeconds(step.next_checkpoint_seconds));
  }
  for (const StageUse& stage : step.stages) {
    absl::StrAppend(&text, "  ", StageText(stage));
  }
  return text;
}

std::string EncodingText(const EncodingProgress& progress) {
  // A check's clips are only looked at.
  const bool looks = progress.work == StageWork::kLookingAtClips;
  std::string text =
      absl::StrCat(looks ? "checking " : "encoding ", progress.samples_done,
                   "/", progress.samples_total);
  if (!progress.activity.empty()) {
    absl::StrAppend(&text, "  ", PrintableText(progress.activity));
  }
  return text;
}

std::string ValidationText(const ValidationResult& result) {
  std::string text = absl::StrFormat("validation step %d: loss %.4g",
                                     result.steps_done, result.loss);
  if (result.is_best()) {
    text += ", the best so far";
  } else if (result.best_steps > 0) {
    absl::StrAppendFormat(&text, ", the best is %.4g of step %d",
                          result.best_loss, result.best_steps);
  }
  std::vector<std::string> bands;
  for (const ValidationBand& band : result.bands) {
    bands.push_back(absl::StrFormat("%.0f: %.4g", band.timestep, band.loss));
  }
  if (bands.size() > 1) {
    absl::StrAppend(&text, "  (by timestep ", absl::StrJoin(bands, ", "), ")");
  }
  return text;
}

std::string EventText(const JobEvent& event) {
  if (const auto* change = std::get_if<StateChange>(&event.what)) {
    return StateText(*change);
  }
  if (const auto* step = std::get_if<StepProgress>(&event.what)) {
    return StepText(*step);
  }
  if (const auto* encoding = std::get_if<EncodingProgress>(&event.what)) {
    return EncodingText(*encoding);
  }
  if (const auto* line = std::get_if<LogLine>(&event.what)) {
    return absl::StrCat(
        line->stage.has_value() ? absl::StrCat("stage ", *line->stage, ": ")
                                : "",
        SeverityPrefix(line->severity), PrintableLines(line->text));
  }
  if (const auto* result = std::get_if<ValidationResult>(&event.what)) {
    return ValidationText(*result);
  }
  const auto& checkpoint = std::get<Checkpoint>(event.what);
  return absl::StrCat("saved step ", checkpoint.steps_done, ": ",
                      PrintableText(checkpoint.directory));
}

}  // namespace halfpipe
