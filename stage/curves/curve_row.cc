#include "stage/curves/curve_row.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"

namespace halfpipe {
namespace {

constexpr char kStepName[] = "step";
constexpr char kTimeName[] = "time";
constexpr char kValidationLossName[] = "validation_loss";

double MeanOf(const std::vector<double>& values) {
  return values.empty() ? std::nan("")
                        : std::accumulate(values.begin(), values.end(), 0.0) /
                              static_cast<double>(values.size());
}

// Of every stage that is known to have a device.
void AddPeaks(const StepPlan& plan, const StepReport& report, CurveRow* row) {
  std::vector<int64_t> peaks = plan.peak_bytes;
  if (peaks.empty()) peaks.resize(1);
  peaks.front() = report.device_peak_bytes;
  for (size_t rank = 0; rank < peaks.size(); ++rank) {
    if (peaks[rank] <= 0) continue;
    row->values.push_back({kMemoryGroup,
                           absl::StrCat("stage", rank, "_peak_bytes"),
                           static_cast<double>(peaks[rank])});
  }
}

// What a column of the table is called: in one file with the others a loss says
// whose it is.
std::string ColumnOf(const CurveValue& value) {
  return value.group == kValidationGroup
             ? absl::StrCat(value.group, "_", value.name)
             : value.name;
}

}  // namespace

CurveRow StepRow(const StepPlan& plan, const StepReport& report,
                 double unix_seconds) {
  CurveRow row{{plan.step.value() + 1, false}, unix_seconds, {}};
  row.values = {{kTrainGroup, "loss", MeanOf(report.losses)},
                {kTrainGroup, "grad_norm", report.grad_norm},
                {kTrainGroup, "learning_rate", plan.learning_rate},
                {kTrainGroup, "step_seconds", report.step_seconds}};
  AddPeaks(plan, report, &row);
  return row;
}

CurveRow ValidationRow(const StepPlan& plan, const StepReport& report,
                       double unix_seconds) {
  CurveRow row{{plan.step.value(), true}, unix_seconds, {}};
  row.values = {{kValidationGroup, "loss", MeanOf(report.losses)}};
  // From much noise to little, as the bands are.
  std::map<int64_t, std::vector<double>, std::greater<>> bands;
  const size_t count = std::min(report.losses.size(), report.timesteps.size());
  for (size_t i = 0; i < count; ++i) {
    bands[std::llround(report.timesteps[i])].push_back(report.losses[i]);
  }
  for (const auto& [timestep, losses] : bands) {
    row.values.push_back(
        {kValidationGroup, absl::StrCat("loss_t", timestep), MeanOf(losses)});
  }
  return row;
}

std::string JsonLineOf(const CurveRow& row) {
  nlohmann::ordered_json line = {{kStepName, row.key.step},
                                 {kTimeName, row.unix_seconds}};
  for (const CurveValue& value : row.values)
    line[ColumnOf(value)] = value.value;
  return line.dump() + "\n";
}

std::optional<CurveKey> KeyOfLine(absl::string_view line) {
  const auto row = nlohmann::json::parse(line.begin(), line.end(), nullptr,
                                         /*allow_exceptions=*/false);
  if (!row.is_object()) return std::nullopt;
  const auto step = row.find(kStepName);
  if (step == row.end() || !step->is_number_integer()) return std::nullopt;
  return CurveKey{step->get<int64_t>(), row.contains(kValidationLossName)};
}

}  // namespace halfpipe
