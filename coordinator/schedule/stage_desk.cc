#include "coordinator/schedule/stage_desk.h"

#include "common/base/status.h"

namespace halfpipe {

absl::Status StageDesk::Register(const StageInfo& info, absl::Time now) {
  HP_ASSIGN_OR_RETURN(const bool replaced,
                      services_.registry->Register(info, now));
  if (JobRunner* runner = runs_->RunnerOn(info.pair); runner != nullptr) {
    if (replaced) runner->OnLost(info.rank, now);
    runner->OnJoined(info, now);
  }
  return absl::OkStatus();
}

absl::Status StageDesk::Report(const StagePlace& place, uint64_t incarnation,
                               const CommandResult& result, absl::Time now) {
  HP_RETURN_IF_ERROR(services_.registry->Renew(place, incarnation, now));
  if (JobRunner* runner = runs_->RunnerOn(place.pair); runner != nullptr) {
    runner->OnResult(place.rank, result, now);
  }
  return absl::OkStatus();
}

absl::StatusOr<HeartbeatReply> StageDesk::Heartbeat(
    const StagePlace& place, uint64_t incarnation,
    const StageHeartbeat& heartbeat, absl::Time now) {
  HeartbeatReply reply;
  if (services_.registry->WaitsInVain(place, heartbeat)) {
    reply.abandon = true;
    reply.epoch = heartbeat.epoch;
    return reply;
  }
  HP_RETURN_IF_ERROR(
      services_.registry->OnHeartbeat(place, incarnation, heartbeat, now));
  reply.epoch = runs_->EpochOf(place.pair);
  PairRun* const run = runs_->RunOn(place.pair);
  if (run == nullptr) return reply;
  JobRunner& runner = run->runner();
  runner.OnHeartbeat(place.rank, heartbeat, now);
  for (const StageLine& line : heartbeat.lines) {
    // Log levels above debug and severities are numbered alike.
    services_.book->Append(run->job(),
                           LogLine{static_cast<LogSeverity>(line.level),
                                   line.text, place.rank.value()},
                           services_.wall());
  }
  reply.abandon = runner.WantsAbandon(place.rank);
  reply.stuck = runner.IsStuck(place.rank, heartbeat);
  reply.epoch = runner.epoch();
  return reply;
}

bool StageDesk::OnTick(absl::Time now) {
  // Whoever waited while this process did not run has not been silent.
  constexpr absl::Duration kLate = absl::Seconds(2);
  StageRegistry& registry = *services_.registry;
  if (last_tick_.has_value() && now - *last_tick_ > kLate) {
    registry.ExtendLeases(now - *last_tick_);
  }
  last_tick_ = now;
  const std::vector<StagePlace> lost = registry.RemoveLost(now);
  for (const StagePlace& place : lost) {
    if (JobRunner* runner = runs_->RunnerOn(place.pair); runner != nullptr) {
      runner->OnLost(place.rank, now);
    }
  }
  return !lost.empty();
}

}  // namespace halfpipe
