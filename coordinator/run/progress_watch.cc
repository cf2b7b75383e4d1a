#include "coordinator/run/progress_watch.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace halfpipe {
namespace {

constexpr size_t kFewest = 3;   // that a median is worth something
constexpr size_t kWindow = 15;  // that it is taken of
constexpr absl::Duration kLongestGap = absl::Seconds(10);

absl::Duration Median(std::vector<absl::Duration> values) {
  auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

ProgressWatch::Stage& ProgressWatch::StageOf(int32_t rank) {
  const auto index = static_cast<size_t>(rank);
  if (index >= stages_.size()) stages_.resize(index + 1);
  return stages_[index];
}

std::vector<ProgressWatch::Stall> ProgressWatch::OnHeartbeat(
    int32_t rank, const StageMark& mark, absl::Time now) {
  Stage& stage = StageOf(rank);
  if (stage.mark.has_value()) {
    stage.stood +=
        std::clamp(now - stage.beat, absl::ZeroDuration(), kLongestGap);
  }
  stage.beat = now;
  if (stage.mark != mark) {
    Learn(&stage);
    if (stage.mark.has_value() && stage.mark->sequence != mark.sequence) {
      EndStep(&stage);
    }
    stage.mark = mark;
    stage.stood = absl::ZeroDuration();
    return {};
  }
  if (mark.in_step) return JudgeStep();
  if (mark.progress.work == StageWork::kJoining ||
      stage.stood <= LimitOf(stage)) {
    return {};
  }
  return {StallOf(rank)};
}

void ProgressWatch::OnIdle(int32_t rank) {
  Stage& stage = StageOf(rank);
  Learn(&stage);
  EndStep(&stage);
  stage.mark.reset();
  stage.stood = absl::ZeroDuration();
}

void ProgressWatch::OnSchedule(const std::string& hash) {
  if (hash == schedule_hash_) return;
  schedule_hash_ = hash;
  for (Stage& stage : stages_) {
    stage.step.clear();
    stage.steps.clear();
  }
}

void ProgressWatch::Learn(Stage* stage) {
  if (!stage->mark.has_value()) return;
  if (stage->mark->in_step) {
    stage->step[stage->mark->action_index] += stage->stood;
    return;
  }
  std::deque<absl::Duration>& known = elsewhere_[stage->mark->progress.work];
  known.push_back(stage->stood);
  if (known.size() > kWindow) known.pop_front();
}

void ProgressWatch::EndStep(Stage* stage) {
  // The place where the step ended was not left for another one of it.
  if (!stage->mark.has_value() || !stage->mark->in_step) return;
  stage->steps.push_back(std::exchange(stage->step, {}));
  if (stage->steps.size() > kWindow) stage->steps.pop_front();
}

std::optional<absl::Duration> ProgressWatch::MedianOf(
    const Stage& stage, const StageMark& mark) const {
  std::vector<absl::Duration> times;
  if (mark.in_step) {
    for (const Dwells& step : stage.steps) {
      auto found = step.find(mark.action_index);
      times.push_back(found == step.end() ? absl::ZeroDuration()
                                          : found->second);
    }
  } else if (auto found = elsewhere_.find(mark.progress.work);
             found != elsewhere_.end()) {
    times.assign(found->second.begin(), found->second.end());
  }
  if (times.size() < kFewest) return std::nullopt;
  return Median(std::move(times));
}

absl::Duration ProgressWatch::LimitOf(const Stage& stage) const {
  const std::optional<absl::Duration> median = MedianOf(stage, *stage.mark);
  if (!median.has_value()) return limits_.unknown;
  return std::max(*median * limits_.factor, stage.mark->in_step
                                                ? limits_.shortest_in_step
                                                : limits_.shortest_elsewhere);
}

ProgressWatch::Stall ProgressWatch::StallOf(int32_t rank) const {
  const Stage& stage = stages_[static_cast<size_t>(rank)];
  return {rank, *stage.mark, stage.stood,
          MedianOf(stage, *stage.mark).value_or(absl::ZeroDuration())};
}

std::vector<ProgressWatch::Stall> ProgressWatch::JudgeStep() const {
  absl::Duration longest_limit;
  absl::Duration shortest_stand = absl::InfiniteDuration();
  std::vector<Stall> stalls;
  for (size_t rank = 0; rank < stages_.size(); ++rank) {
    const Stage& stage = stages_[rank];
    if (!stage.mark.has_value() || !stage.mark->in_step) continue;
    longest_limit = std::max(longest_limit, LimitOf(stage));
    shortest_stand = std::min(shortest_stand, stage.stood);
    stalls.push_back(StallOf(static_cast<int32_t>(rank)));
  }
  if (shortest_stand <= longest_limit) return {};
  return stalls;
}

}  // namespace halfpipe
