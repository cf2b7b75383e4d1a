#include "stage/runtime/stage_runner.h"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/base/steady_clock.h"

namespace halfpipe {
namespace {

using pipeline::Action;
using pipeline::Op;

// How often a wait on the host looks at the stop token.
constexpr absl::Duration kStopCheckInterval = absl::Milliseconds(50);

absl::Status Abandoned() { return absl::CancelledError("step abandoned"); }

bool NeedsPeer(Op op) {
  return op != Op::kForward && op != Op::kBackward && op != Op::kOptimizerStep;
}

bool IsCompute(Op op) { return op == Op::kForward || op == Op::kBackward; }

// The next forwards and backwards from `begin` on: a head, which is short and
// keeps nothing outside the device, and one action behind it.
std::vector<Action> Upcoming(const std::vector<Action>& actions, size_t begin) {
  constexpr size_t kAhead = 3;
  std::vector<Action> next;
  for (size_t i = begin; i < actions.size() && next.size() < kAhead; ++i) {
    if (IsCompute(actions[i].op)) next.push_back(actions[i]);
  }
  return next;
}

// Repeats a wait in short slices until it ends, `stop` is requested or the
// deadline has passed.
absl::Status WaitInSlices(
    const std::function<absl::Status(absl::Time)>& wait_until,
    const std::stop_token& stop, absl::Time deadline) {
  while (true) {
    const absl::Time now = SteadyNow();
    absl::Status status =
        wait_until(std::min(deadline, now + kStopCheckInterval));
    if (!absl::IsDeadlineExceeded(status) || now >= deadline) return status;
    if (stop.stop_requested()) return Abandoned();
  }
}

}  // namespace

StageRunner::StageRunner(StageCompute* compute, const NeighbourLinks& links,
                         Options options)
    : compute_(compute), links_(links), options_(options) {}

StepPosition StageRunner::progress() const {
  return {Step(step_.load()), action_index_.load()};
}

absl::StatusOr<StepReport> StageRunner::RunStep(
    const StepPlan& plan, const std::vector<Action>& actions,
    std::stop_token stop) {
  step_ = plan.step.value();
  std::atomic<bool> drained{false};
  std::stop_callback on_stop(stop, [this, &drained] {
    if (!drained) links_.Abort(Abandoned());
  });
  absl::StatusOr<StepReport> report = RunActions(plan, actions, stop, &drained);
  action_index_ = -1;
  if (report.ok()) {
    weights_in_doubt_ = false;
    return report;
  }
  const bool stopped =
      !drained && stop.stop_requested() && !absl::IsInternal(report.status());
  const absl::Status status =
      Annotate(stopped ? Abandoned() : report.status(),
               absl::StrCat("step ", plan.step.value()));
  if (!drained) links_.Abort(status);
  compute_->AbandonStep();
  return status;
}

absl::StatusOr<StepReport> StageRunner::RunActions(
    const StepPlan& plan, const std::vector<Action>& actions,
    std::stop_token stop, std::atomic<bool>* drained) {
  const int64_t bytes_before = links_.bytes_sent();
  compute_->SetStop(stop);
  HP_RETURN_IF_ERROR(compute_->BeginStep(plan));
  HP_ASSIGN_OR_RETURN(EventPtr origin, compute_->RecordEvent());
  Running running{StepRecorder(std::move(origin)), std::move(stop), drained};
  for (size_t i = 0; i < actions.size(); ++i) {
    action_index_ = static_cast<int64_t>(i);
    if (IsCompute(actions[i].op)) {
      compute_->SetUpcoming(Upcoming(actions, i + 1));
    }
    const absl::Status status = RunAction(actions[i], &running);
    if (!status.ok()) return Annotate(status, ToString(actions[i]));
  }
  // A list without STEP (`verify`) has not waited for its transfers yet.
  if (!*drained) HP_RETURN_IF_ERROR(Drain(running));
  StepReport report;
  report.epoch = plan.epoch;
  report.step = plan.step;
  HP_RETURN_IF_ERROR(compute_->EndStep(&report));
  HP_RETURN_IF_ERROR(running.recorder.Finish(&report));
  report.busy_seconds =
      std::max(0.0, report.busy_seconds - report.data_seconds);
  report.link_bytes_sent = links_.bytes_sent() - bytes_before;
  return report;
}

absl::Status StageRunner::RunAction(const Action& action, Running* running) {
  if (!*running->drained && running->stop.stop_requested()) {
    return Abandoned();
  }
  if (links_.alone() && NeedsPeer(action.op)) {
    return absl::InvalidArgumentError("needs a peer, but there is one stage");
  }
  switch (action.op) {
    case Op::kForward:
      return Forward(action, running);
    case Op::kBackward:
      return Backward(action, running);
    case Op::kSendActivation:
    case Op::kSendGradient:
      return Send(action, running);
    case Op::kReceiveActivation:
    case Op::kReceiveGradient:
      return Receive(action, running);
    case Op::kExchangeGradNorm:
      return ExchangeGradNorm(action, running);
    case Op::kOptimizerStep:
      return OptimizerStep(action, running);
  }
  return absl::InvalidArgumentError("unknown operation");
}

absl::Status StageRunner::Forward(const Action& action, Running* running) {
  HP_ASSIGN_OR_RETURN(EventPtr begin, compute_->RecordEvent());
  HP_RETURN_IF_ERROR(compute_->Forward(action.segment, action.microbatch));
  HP_ASSIGN_OR_RETURN(EventPtr end, compute_->RecordEvent());
  running->recorder.AddCompute(action, std::move(begin), std::move(end));
  return absl::OkStatus();
}

absl::Status StageRunner::Backward(const Action& action, Running* running) {
  HP_ASSIGN_OR_RETURN(EventPtr begin, compute_->RecordEvent());
  HP_RETURN_IF_ERROR(compute_->Backward(action.segment, action.microbatch));
  HP_ASSIGN_OR_RETURN(EventPtr end, compute_->RecordEvent());
  running->recorder.AddCompute(action, std::move(begin), std::move(end));
  return absl::OkStatus();
}

absl::Status StageRunner::Send(const Action& action, Running* running) {
  const bool activation = action.op == Op::kSendActivation;
  HP_ASSIGN_OR_RETURN(
      BoundarySlot slot,
      activation ? compute_->ActivationToSend(action.segment, action.microbatch)
                 : compute_->GradientToSend(action.segment, action.microbatch));
  PeerLink& link = activation ? links_.next() : links_.previous();
  HP_ASSIGN_OR_RETURN(TransferEvents events,
                      link.Send(slot.buffers, slot.ready));
  compute_->ReleaseSent(action.segment, action.microbatch, events.done);
  running->recorder.AddTransfer(action, events);
  return absl::OkStatus();
}

absl::Status StageRunner::Receive(const Action& action, Running* running) {
  const bool activation = action.op == Op::kReceiveActivation;
  HP_ASSIGN_OR_RETURN(
      BoundarySlot slot,
      activation
          ? compute_->ActivationToReceive(action.segment, action.microbatch)
          : compute_->GradientToReceive(action.segment, action.microbatch));
  PeerLink& link = activation ? links_.previous() : links_.next();
  HP_ASSIGN_OR_RETURN(TransferEvents events,
                      link.Receive(slot.buffers, slot.ready));
  if (activation) {
    compute_->SetActivationArrived(action.segment, action.microbatch,
                                   events.done);
  } else {
    compute_->SetGradientArrived(action.segment, action.microbatch,
                                 events.done);
  }
  running->recorder.AddTransfer(action, events);
  return absl::OkStatus();
}

absl::Status StageRunner::ExchangeGradNorm(const Action& action,
                                           Running* running) {
  HP_ASSIGN_OR_RETURN(BoundarySlot passing, compute_->GradNormsToSend());
  TransferEvents whole;
  // Once round the ring: what came last from the stage before goes on to the
  // next one.
  for (int32_t back = 1; back < links_.stages(); ++back) {
    HP_ASSIGN_OR_RETURN(BoundarySlot theirs,
                        compute_->GradNormsToReceive(back));
    HP_ASSIGN_OR_RETURN(NeighbourLinks::Passed passed,
                        links_.PassOn(passing, theirs));
    if (back == 1) {
      compute_->ReleaseGradNorms(passed.sent);
      whole.started = passed.received.started;
    }
    compute_->SetGradNormsArrived(back, passed.received.done);
    whole.done = passed.received.done;
    passing = {std::move(theirs.buffers), passed.received.done};
  }
  running->recorder.AddTransfer(action, whole);
  return absl::OkStatus();
}

absl::Status StageRunner::OptimizerStep(const Action& action,
                                        Running* running) {
  HP_RETURN_IF_ERROR(Drain(*running));
  *running->drained = true;
  HP_ASSIGN_OR_RETURN(EventPtr begin, compute_->RecordEvent());
  weights_in_doubt_ = true;
  HP_RETURN_IF_ERROR(compute_->OptimizerStep());
  HP_ASSIGN_OR_RETURN(EventPtr end, compute_->RecordEvent());
  running->recorder.AddCompute(action, std::move(begin), std::move(end));
  return absl::OkStatus();
}

absl::Status StageRunner::Drain(const Running& running) {
  const absl::Time deadline = SteadyNow() + options_.drain_timeout;
  HP_RETURN_IF_ERROR(
      WaitInSlices([this](absl::Time until) { return links_.Flush(until); },
                   running.stop, deadline));
  HP_ASSIGN_OR_RETURN(EventPtr computed, compute_->RecordEvent());
  return WaitInSlices(
      [&](absl::Time until) { return computed->WaitOnHost(until); },
      running.stop, deadline);
}

}  // namespace halfpipe
