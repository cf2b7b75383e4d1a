// Actions with their times, as the messages of jobs.proto hold them.
#ifndef HP_COMMON_RPC_TIMED_ACTION_CONVERSION_H_
#define HP_COMMON_RPC_TIMED_ACTION_CONVERSION_H_

#include <vector>

#include "common/pipeline/action.h"
#include "halfpipe/v1/jobs.pb.h"

namespace halfpipe {

using TimedActionMessages = google::protobuf::RepeatedPtrField<v1::TimedAction>;

inline void AddTimedActions(const std::vector<pipeline::TimedAction>& from,
                            TimedActionMessages* to) {
  for (const pipeline::TimedAction& timed : from) {
    v1::TimedAction* action = to->Add();
    action->set_action(pipeline::ToString(timed.action));
    action->set_start_seconds(timed.start_seconds);
    action->set_end_seconds(timed.end_seconds);
  }
}

// Without those that are not known here, a newer version's.
[[nodiscard]] inline std::vector<pipeline::TimedAction> TimedActionsFrom(
    const TimedActionMessages& from) {
  std::vector<pipeline::TimedAction> to;
  for (const v1::TimedAction& timed : from) {
    const auto action = pipeline::ParseAction(timed.action());
    if (!action.ok()) continue;
    to.push_back({*action, timed.start_seconds(), timed.end_seconds()});
  }
  return to;
}

}  // namespace halfpipe

#endif  // HP_COMMON_RPC_TIMED_ACTION_CONVERSION_H_
