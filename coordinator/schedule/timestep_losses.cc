#include "coordinator/schedule/timestep_losses.h"

#include <algorithm>
#include <cmath>

#include "common/plan/flow_match.h"

namespace halfpipe {

TimestepLosses::TimestepLosses(const TimestepConfig& timesteps, int64_t bands) {
  const absl::StatusOr<FlowMatchSchedule> schedule =
      FlowMatchSchedule::Create(timesteps);
  if (!schedule.ok()) return;  // the stages refuse such a job, and say why
  const auto at = [&](double place) {
    return schedule->At(static_cast<float>(place / static_cast<double>(bands)))
        .timestep;
  };
  for (int64_t band = 0; band < bands; ++band) {
    const auto begin = static_cast<double>(band);
    bands_.push_back(
        {.from = at(begin), .middle = std::lround(at(begin + 0.5))});
  }
}

void TimestepLosses::Add(const std::vector<double>& timesteps,
                         const std::vector<double>& losses) {
  const size_t count = std::min(timesteps.size(), losses.size());
  for (size_t i = 0; i < count; ++i) {
    if (!std::isfinite(losses[i]) || bands_.empty()) continue;
    // The last band that begins at this timestep or above it.
    auto band = std::find_if(
        bands_.rbegin(), bands_.rend(),
        [&](const Band& candidate) { return timesteps[i] <= candidate.from; });
    if (band == bands_.rend()) --band;
    band->mean.Add(losses[i]);
  }
}

std::map<int64_t, double> TimestepLosses::Averages() const {
  std::map<int64_t, double> averages;
  for (const Band& band : bands_) {
    const MeanState& mean = band.mean.state();
    if (mean.count > 0) averages[band.middle] = mean.value;
  }
  return averages;
}

}  // namespace halfpipe
