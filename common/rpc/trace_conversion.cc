#include "common/rpc/trace_conversion.h"

#include <utility>

#include "common/rpc/timed_action_conversion.h"

namespace halfpipe {

v1::StepTrace ToProto(const StepTrace& from) {
  v1::StepTrace to;
  to.set_steps_done(from.steps_done);
  to.set_time_unix_ms(absl::ToUnixMillis(from.time));
  to.set_loss(from.loss);
  for (const StageTrace& trace : from.stages) {
    v1::StageTrace* stage = to.add_stages();
    stage->set_rank(trace.rank);
    AddTimedActions(trace.actions, stage->mutable_actions());
    stage->set_step_seconds(trace.step_seconds);
    stage->set_busy_seconds(trace.busy_seconds);
    stage->set_bubble_seconds(trace.bubble_seconds);
    stage->set_recv_seconds(trace.recv_seconds);
    stage->set_data_seconds(trace.data_seconds);
    stage->set_link_bytes_sent(trace.link_bytes_sent);
  }
  return to;
}

StepTrace FromProto(const v1::StepTrace& from) {
  StepTrace to;
  to.steps_done = from.steps_done();
  to.time = absl::FromUnixMillis(from.time_unix_ms());
  to.loss = from.loss();
  for (const v1::StageTrace& stage : from.stages()) {
    StageTrace trace;
    trace.rank = stage.rank();
    trace.actions = TimedActionsFrom(stage.actions());
    trace.step_seconds = stage.step_seconds();
    trace.busy_seconds = stage.busy_seconds();
    trace.bubble_seconds = stage.bubble_seconds();
    trace.recv_seconds = stage.recv_seconds();
    trace.data_seconds = stage.data_seconds();
    trace.link_bytes_sent = stage.link_bytes_sent();
    to.stages.push_back(std::move(trace));
  }
  return to;
}

}  // namespace halfpipe
