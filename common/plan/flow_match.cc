#include "common/plan/flow_match.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/base/status.h"

namespace halfpipe {
namespace {

constexpr int kTableSize = 1000;

// w(t) = exp(-2 ((t - 500) / 1000)^2), less its minimum, scaled to mean 1.
void SetGaussianWeights(std::vector<FlowTimestep>* table) {
  std::vector<double> weights;
  for (const FlowTimestep& entry : *table) {
    const double distance = (entry.timestep - 500.0) / 1000.0;
    weights.push_back(std::exp(-2.0 * distance * distance));
  }
  const double lowest = *std::min_element(weights.begin(), weights.end());
  double sum = 0.0;
  for (double& weight : weights) {
    weight -= lowest;
    sum += weight;
  }
  for (size_t i = 0; i < weights.size(); ++i) {
    (*table)[i].weight = static_cast<float>(weights[i] * kTableSize / sum);
  }
}

}  // namespace

absl::StatusOr<FlowMatchSchedule> FlowMatchSchedule::Create(
    const TimestepConfig& options) {
  const int begin = static_cast<int>(options.min_boundary * kTableSize);
  const int end = static_cast<int>(options.max_boundary * kTableSize);
  if (begin < 0 || end > kTableSize || begin >= end) {
    return absl::InvalidArgumentError(
        absl::StrCat("train.timesteps: min_boundary ", options.min_boundary,
                     " and max_boundary ", options.max_boundary,
                     " select no timestep; need 0 <= min < max <= 1"));
  }
  std::vector<FlowTimestep> table(kTableSize);
  for (int i = 0; i < kTableSize; ++i) {
    const double u = 1.0 - static_cast<double>(i) / kTableSize;
    const double sigma = options.shift * u / (1.0 + (options.shift - 1.0) * u);
    table[static_cast<size_t>(i)] = {
        .sigma = static_cast<float>(sigma),
        .timestep = static_cast<float>(sigma * 1000.0),
        .weight = 1.0F};
  }
  if (options.weighting == TimestepWeighting::kGaussian) {
    SetGaussianWeights(&table);
  }
  return FlowMatchSchedule(std::move(table), begin, end);
}

FlowMatchSchedule::FlowMatchSchedule(std::vector<FlowTimestep> table, int begin,
                                     int end)
    : table_(std::move(table)), begin_(begin), end_(end) {}

const FlowTimestep& FlowMatchSchedule::At(float uniform) const {
  const int count = end_ - begin_;
  const int offset = std::min(
      static_cast<int>(static_cast<double>(uniform) * count), count - 1);
  const int index = begin_ + offset;
  return table_[static_cast<size_t>(index)];
}

}  // namespace halfpipe
