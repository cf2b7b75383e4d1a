#include "coordinator/schedule/step_times.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <tuple>

#include "common/pipeline/transfer_ends.h"

namespace halfpipe {
namespace {

using pipeline::Action;
using pipeline::Op;
using pipeline::TimedAction;

// A transfer, by what its receiver calls it.
using Key = std::tuple<Op, int32_t, int32_t>;

Key KeyOf(Op op, const Action& action) {
  return {op, action.segment.value(), action.microbatch.value()};
}

// Nullopt for compute.
std::optional<Key> TransferOf(const Action& action) {
  const std::optional<Action> received = pipeline::AsReceived(action);
  if (!received.has_value()) return std::nullopt;
  return KeyOf(received->op, *received);
}

// The transfer that a compute action's input may come by.
Key InputOf(const Action& action) {
  if (action.op == Op::kForward) return KeyOf(Op::kReceiveActivation, action);
  if (action.op == Op::kBackward) return KeyOf(Op::kReceiveGradient, action);
  return KeyOf(Op::kExchangeGradNorm, action);
}

double SecondsOf(const TimedAction& timing) {
  return std::max(0.0, timing.end_seconds - timing.start_seconds);
}

// How long each transfer moved bytes: the least of what either side saw.
std::map<Key, double> MovingSeconds(const std::vector<StepReport>& reports) {
  std::map<Key, double> seconds;
  for (const StepReport& report : reports) {
    for (const TimedAction& timing : report.timings) {
      const std::optional<Key> key = TransferOf(timing.action);
      if (!key.has_value()) continue;
      const auto [found, is_new] = seconds.try_emplace(*key, SecondsOf(timing));
      if (!is_new) found->second = std::min(found->second, SecondsOf(timing));
    }
  }
  return seconds;
}

// Adds what a stage's actions took, by kind.
void AddActions(const StepReport& report, const std::map<Key, double>& moving,
                StageTimes* times) {
  for (const TimedAction& timing : report.timings) {
    switch (timing.action.op) {
      case Op::kForward:
        times->forward += SecondsOf(timing);
        break;
      case Op::kBackward:
        times->backward += SecondsOf(timing);
        break;
      case Op::kOptimizerStep:
        times->optimizer += SecondsOf(timing);
        break;
      case Op::kSendActivation:
      case Op::kSendGradient:
        times->send += moving.at(*TransferOf(timing.action));
        break;
      case Op::kReceiveActivation:
      case Op::kReceiveGradient:
        times->receive += moving.at(*TransferOf(timing.action));
        break;
      case Op::kExchangeGradNorm:  // some bytes, both ways
        break;
    }
  }
}

// Seconds of the gaps between a stage's compute actions in which the input of
// the next one was on the link.
double ReceiveWaits(const StepReport& report,
                    const std::map<Key, double>& moving) {
  std::vector<const TimedAction*> compute;
  for (const TimedAction& timing : report.timings) {
    if (!TransferOf(timing.action).has_value()) compute.push_back(&timing);
  }
  std::stable_sort(compute.begin(), compute.end(),
                   [](const TimedAction* a, const TimedAction* b) {
                     return a->start_seconds < b->start_seconds;
                   });
  double waits = 0.0;
  double covered_until = 0.0;
  for (const TimedAction* timing : compute) {
    const double gap = timing->start_seconds - covered_until;
    const auto input = moving.find(InputOf(timing->action));
    if (gap > 0.0 && input != moving.end()) {
      waits += std::min(gap, input->second);
    }
    covered_until = std::max(covered_until, timing->end_seconds);
  }
  return waits;
}

}  // namespace

std::vector<StageTimes> StageTimesOf(const std::vector<StepReport>& reports) {
  const std::map<Key, double> moving = MovingSeconds(reports);
  std::vector<StageTimes> all;
  for (const StepReport& report : reports) {
    StageTimes& times = all.emplace_back();
    AddActions(report, moving, &times);
    times.data = report.data_seconds;
    // Samples are read inside the forward of the stage that embeds them.
    times.forward = std::max(0.0, times.forward - times.data);
    times.busy = report.busy_seconds;
    times.recv = ReceiveWaits(report, moving);
    times.bubble = report.step_seconds - times.busy - times.data - times.recv;
    times.bubble = std::max(0.0, times.bubble);
    times.bytes_sent = report.link_bytes_sent;
  }
  // What one sends the other receives. Of more than two the reports do not say
  // whose bytes went where.
  if (all.size() == 2) {
    all.front().bytes_received = all.back().bytes_sent;
    all.back().bytes_received = all.front().bytes_sent;
  }
  return all;
}

}  // namespace halfpipe
