// The worker's second thread: it tells the coordinator and a supervisor how the
// running command gets on, and hears when to give it up.
#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/log.h"
#include "common/base/steady_clock.h"
#include "stage/runtime/stage_worker.h"

namespace halfpipe {

void StageWorker::HeartbeatLoop() {
  absl::Time next_beat = SteadyNow();
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      mutex_.AwaitWithTimeout(absl::Condition(&finished_),
                              next_beat - SteadyNow());
      if (finished_) return;
    }
    next_beat = SteadyNow() + options_.heartbeat_interval;
    const StageActivity activity = backend_->activity();
    BeatOnce(activity);
    CheckHang();
    TellProgress(activity);
  }
}

void StageWorker::BeatOnce(const StageActivity& activity) {
  StageHeartbeat heartbeat;
  bool is_stopping = false;
  {
    absl::MutexLock lock(&mutex_);
    if (!announced_) return;
    heartbeat.epoch = epoch_;
    heartbeat.sequence = sequence_;
    is_stopping = stopping_;
  }
  heartbeat.step = activity.step;
  heartbeat.action_index = activity.action_index;
  heartbeat.progress = is_stopping ? StageProgress{.work = StageWork::kStopping}
                                   : activity.progress;
  heartbeat.activity = ProgressText(heartbeat.progress);
  heartbeat.device_bytes_in_use = activity.device_bytes_in_use;
  heartbeat.device_total_bytes = activity.device_total_bytes;
  heartbeat.device_free_change_bytes = activity.device_free_change_bytes;
  heartbeat.host_available_bytes = activity.host_available_bytes;
  const absl::StatusOr<HeartbeatReply> reply = SendWithLines(&heartbeat);
  if (reply.ok()) {
    ApplyReply(heartbeat, *reply);
  } else if (absl::IsFailedPrecondition(reply.status())) {
    OnForgotten(heartbeat);
  }
}

absl::StatusOr<HeartbeatReply> StageWorker::SendWithLines(
    StageHeartbeat* heartbeat) {
  absl::MutexLock turn(&beating_);
  if (options_.lines != nullptr) heartbeat->lines = options_.lines->Take();
  absl::StatusOr<HeartbeatReply> reply = heartbeats_->Heartbeat(*heartbeat);
  // Lines that cannot be sent would keep every later heartbeat away.
  const bool lines_may_arrive =
      IsAway(reply.status()) || absl::IsFailedPrecondition(reply.status());
  if (!reply.ok() && lines_may_arrive && options_.lines != nullptr) {
    options_.lines->PutBack(std::move(heartbeat->lines));
  }
  return reply;
}

void StageWorker::ApplyReply(const StageHeartbeat& sent,
                             const HeartbeatReply& reply) {
  std::stop_source running(std::nostopstate);
  {
    absl::MutexLock lock(&mutex_);
    newest_epoch_ = std::max(newest_epoch_, reply.epoch);
    const bool about_this = sent.sequence == sequence_ && sent.epoch == epoch_;
    const bool stuck = reply.stuck && about_this;
    const bool meant = (reply.abandon || reply.stuck) && about_this;
    if (running_ && (meant || epoch_ < newest_epoch_)) {
      running = command_stop_;
      // A load that is given up may go on: the next one uses what it read.
      const absl::Duration time = stuck      ? options_.stuck_timeout
                                  : is_step_ ? options_.abandon_timeout
                                             : absl::InfiniteDuration();
      must_end_by_ = std::min(must_end_by_, SteadyNow() + time);
    }
  }
  // Outside the lock: what hangs on the token may take a while to end.
  running.request_stop();
}

void StageWorker::OnForgotten(const StageHeartbeat& sent) {
  {
    absl::MutexLock lock(&mutex_);
    const absl::Time now = SteadyNow();
    if (!forgotten_since_.has_value()) forgotten_since_ = now;
    if (is_step_ && now - *forgotten_since_ < options_.forgotten_step_grace) {
      return;
    }
  }
  // The main thread registers again once it has ended.
  ApplyReply(sent, {.abandon = true, .epoch = sent.epoch});
}

void StageWorker::CheckHang() {
  std::string what;
  {
    absl::MutexLock lock(&mutex_);
    if (!running_ || SteadyNow() < must_end_by_) return;
    what = absl::StrCat("command ", sequence_, " of epoch ", epoch_.value(),
                        " was given up and does not end");
    must_end_by_ = absl::InfiniteFuture();
  }
  if (options_.on_hang) options_.on_hang(what);
}

void StageWorker::TellProgress(const StageActivity& activity) {
  if (!options_.on_progress) return;
  WorkPlace place;
  std::string what;
  {
    absl::MutexLock lock(&mutex_);
    place = {turns_,
             running_,
             sequence_,
             activity.step,
             activity.action_index,
             activity.progress};
    what = stopping_     ? "stopping"
           : !announced_ ? "waits for the coordinator"
                         : ProgressText(activity.progress);
  }
  if (watch_.GetsOn(place, SteadyNow())) {
    stands_still_ = false;
    options_.on_progress(what);
  } else if (!stands_still_) {
    stands_still_ = true;
    LogError("this process makes no progress; its supervisor may restart it",
             {{"activity", what},
              {"sequence", place.sequence},
              {"action", place.action_index}});
  }
}

}  // namespace halfpipe
