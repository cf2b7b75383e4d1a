// When the actions of one running step began and ended.
#ifndef HP_STAGE_RUNTIME_STEP_RECORDER_H_
#define HP_STAGE_RUNTIME_STEP_RECORDER_H_

#include <map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "common/jobs/step_plan.h"
#include "common/pipeline/action.h"
#include "stage/runtime/event.h"
#include "stage/runtime/peer_link.h"

namespace halfpipe {

// Collects events while a step is enqueued and turns them into seconds once
// they are all set. One object a step; one thread.
class StepRecorder {
 public:
  // `origin` is the step's time zero.
  explicit StepRecorder(EventPtr origin);

  // A forward, backward or optimizer step between two events of the compute
  // stream. `begin` may be long before the input arrives; the time until then
  // is a wait and not counted.
  void AddCompute(const pipeline::Action& action, EventPtr begin, EventPtr end);

  // A send, receive or norm exchange.
  void AddTransfer(const pipeline::Action& action,
                   const TransferEvents& events);

  // Fills timings, step_seconds and busy_seconds. Every event must be set.
  [[nodiscard]] absl::Status Finish(StepReport* report) const;

 private:
  struct Span {
    pipeline::Action action;
    EventPtr begin;
    EventPtr end;
    EventPtr input_arrived;  // nullptr: made on this rank
    bool compute;
  };

  // Arrival of what the peer made, by the compute action that reads it.
  using Consumer = std::pair<pipeline::Op, std::pair<int32_t, int32_t>>;

  EventPtr origin_;
  std::vector<Span> spans_;
  std::map<Consumer, EventPtr> arrivals_;
};

// Length of the union of intervals (start, end): two streams that run at the
// same time are busy once.
[[nodiscard]] double UnionSeconds(
    std::vector<std::pair<double, double>> intervals);

}  // namespace halfpipe

#endif  // HP_STAGE_RUNTIME_STEP_RECORDER_H_
