#include "client/jobs/follow_job.h"

#include <algorithm>
#include <stop_token>
#include <utility>
#include <variant>

#include "common/base/status.h"

namespace halfpipe {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(100);

// True if the wait goes on after the events that have come.
bool Deliver(EventStream& stream, EventPrinter& printer,
             const FollowOptions& options) {
  for (const JobEvent& event : stream.Take()) {
    printer.Print(event);
    if (options.on_event != nullptr && !options.on_event(event)) return false;
  }
  return true;
}

absl::StatusOr<FollowEnd> Wait(EventStream& stream, SignalWatch& signals,
                               EventPrinter& printer,
                               const FollowOptions& options) {
  int signal_count = 0;
  while (true) {
    if (!Deliver(stream, printer, options)) return FollowEnd::kEnough;
    printer.Refresh();
    if (const auto result = stream.result(); result.has_value()) {
      HP_RETURN_IF_ERROR(*result);
      return FollowEnd::kJobEnded;
    }
    if (options.tick != nullptr) HP_RETURN_IF_ERROR(options.tick());
    const int arrived = signals.Wait(kTick);
    if (arrived == 0) continue;
    signal_count += arrived;
    if (options.on_interrupt == nullptr ||
        !options.on_interrupt(signal_count)) {
      return FollowEnd::kInterrupted;
    }
  }
}

}  // namespace

absl::StatusOr<FollowResult> FollowJob(TrainingClient& client,
                                       SignalWatch& signals,
                                       EventPrinter& printer,
                                       const FollowOptions& options) {
  TrainingClient::Watch watch;
  watch.id = options.id;
  watch.after_cursor = options.after_cursor;
  absl::StatusOr<FollowEnd> end;
  {
    EventStream stream(client, watch);
    end = Wait(stream, signals, printer, options);
  }
  printer.Finish();
  HP_RETURN_IF_ERROR(end.status());
  FollowResult result;
  result.end = *end;
  if (result.end == FollowEnd::kJobEnded) {
    HP_ASSIGN_OR_RETURN(result.job, client.GetJob(options.id));
  }
  return result;
}

ExitCode ExitCodeForEndedJob(const Job& job) {
  switch (job.state) {
    case JobState::kDone:
      return ExitCode::kOk;
    case JobState::kCancelled:
      return ExitCode::kCancelled;
    default:
      break;
  }
  switch (job.error.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kAlreadyExists:  // of other weights or data
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kPermissionDenied:  // of a file the job names
      return ExitCode::kInvalidInput;
    default:
      return ExitCode::kJobFailed;
  }
}

EventStream::EventStream(TrainingClient& client, TrainingClient::Watch watch)
    : thread_([this, &client,
               watch = std::move(watch)](std::stop_token stop) mutable {
        watch.stop = std::move(stop);
        Run(client, watch);
      }) {}

void EventStream::Run(TrainingClient& client,
                      const TrainingClient::Watch& watch) {
  absl::Status status = client.WatchJob(watch, [&](const JobEvent& event) {
    const absl::MutexLock lock(&mutex_);
    events_.push_back(event);
    return !watch.stop.stop_requested();
  });
  const absl::MutexLock lock(&mutex_);
  result_ = std::move(status);
}

std::vector<JobEvent> EventStream::Take() {
  const absl::MutexLock lock(&mutex_);
  return std::exchange(events_, {});
}

std::optional<absl::Status> EventStream::result() const {
  const absl::MutexLock lock(&mutex_);
  return events_.empty() ? result_ : std::nullopt;
}

bool JobAdvance::See(const JobEvent& event) {
  if (const auto* step = std::get_if<StepProgress>(&event.what)) {
    const bool further = step->steps_done > furthest_;
    furthest_ = std::max(furthest_, step->steps_done);
    return further;
  }
  return std::holds_alternative<Checkpoint>(event.what);
}

}  // namespace halfpipe
