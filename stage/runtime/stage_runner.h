// The interpreter of a schedule: docs/pipeline.md.
#ifndef HP_STAGE_RUNTIME_STAGE_RUNNER_H_
#define HP_STAGE_RUNTIME_STAGE_RUNNER_H_

#include <atomic>
#include <cstdint>
#include <stop_token>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/jobs/step_plan.h"
#include "common/pipeline/action.h"
#include "stage/runtime/neighbour_links.h"
#include "stage/runtime/peer_link.h"
#include "stage/runtime/stage_compute.h"
#include "stage/runtime/step_recorder.h"

namespace halfpipe {

// Where a running step is, for the heartbeat.
struct StepPosition {
  Step step;
  int64_t action_index = -1;  // -1 outside a step
};

// Enqueues the actions of one rank in their order and decides nothing. It
// never waits for a receive: events order the work. The host waits once, before
// the optimizer step, for everything the step has enqueued, and there it keeps
// looking at the stop token and the deadline. A stop aborts the links at once,
// so that a compute without a GPU, which waits inside its calls, ends too.
//
// Thread rule: RunStep from one thread; progress() from any.
class StageRunner {
 public:
  struct Options {
    // Longest wait for all transfers of a step to end. A step can take
    // minutes; a peer that died is noticed by the link long before this.
    absl::Duration drain_timeout = absl::Minutes(30);
  };

  // Neither the compute nor the links are owned; they outlive the runner.
  StageRunner(StageCompute* compute, const NeighbourLinks& links)
      : StageRunner(compute, links, Options()) {}

  StageRunner(StageCompute* compute, const NeighbourLinks& links,
              Options options);

  // Of one or two stages: NeighbourLinks::ToPeer.
  StageRunner(StageCompute* compute, PeerLink* link)
      : StageRunner(compute, NeighbourLinks::ToPeer(link)) {}

  StageRunner(StageCompute* compute, PeerLink* link, Options options)
      : StageRunner(compute, NeighbourLinks::ToPeer(link), options) {}

  // Runs one step, and returns what was measured. Every error names the step
  // and the action ("step 4 1B3: ...").
  //
  // On failure the compute has abandoned the step. The links are aborted too,
  // which ends the neighbours' waits, unless the failure came in or behind
  // STEP, where no transfer is open (a norm that is not finite fails there on
  // all ranks alike, and the links can go on). Codes: Cancelled `stop` was
  // requested before the optimizer step began (behind that point the step
  // completes); Aborted the link was; the codes of StageCompute;
  // DeadlineExceeded the drain timeout; InvalidArgument an action this rank
  // cannot run.
  [[nodiscard]] absl::StatusOr<StepReport> RunStep(
      const StepPlan& plan, const std::vector<pipeline::Action>& actions,
      std::stop_token stop);

  [[nodiscard]] StepPosition progress() const;

  // Whether the last step failed where it may have changed the weights.
  [[nodiscard]] bool weights_in_doubt() const { return weights_in_doubt_; }

 private:
  // The state of one RunStep.
  struct Running {
    StepRecorder recorder;
    std::stop_token stop;
    // No transfer is open any more, and the step completes whatever happens.
    std::atomic<bool>* drained;
  };

  absl::StatusOr<StepReport> RunActions(
      const StepPlan& plan, const std::vector<pipeline::Action>& actions,
      std::stop_token stop, std::atomic<bool>* drained);
  absl::Status RunAction(const pipeline::Action& action, Running* running);

  absl::Status Forward(const pipeline::Action& action, Running* running);
  absl::Status Backward(const pipeline::Action& action, Running* running);
  absl::Status Send(const pipeline::Action& action, Running* running);
  absl::Status Receive(const pipeline::Action& action, Running* running);
  absl::Status ExchangeGradNorm(const pipeline::Action& action,
                                Running* running);
  absl::Status OptimizerStep(const pipeline::Action& action, Running* running);

  // Waits for all transfers and all compute enqueued so far.
  absl::Status Drain(const Running& running);

  StageCompute* compute_;
  NeighbourLinks links_;
  Options options_;
  std::atomic<int64_t> step_{0};
  std::atomic<int64_t> action_index_{-1};
  bool weights_in_doubt_ = false;
};

}  // namespace halfpipe

#endif  // HP_STAGE_RUNTIME_STAGE_RUNNER_H_
