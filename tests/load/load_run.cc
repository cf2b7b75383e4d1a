#include "load/load_run.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>

#include "absl/time/clock.h"
#include "common/base/file.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

// Before a call that found nobody is made again.
constexpr absl::Duration kRetryPause = absl::Milliseconds(50);

// Whether a call comes again: the service is away, or all of its threads wait.
bool MayPass(const grpc::Status& status) {
  return status.error_code() == grpc::StatusCode::UNAVAILABLE ||
         status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED;
}

}  // namespace

absl::Status LoadRun::StartCoordinator() {
  // Our own core is not the coordinator's.
  std::vector<std::string> command = {"/usr/bin/taskset",  "--cpu-list",
                                      all_cores_,          flags_.coordinator,
                                      "--listen-address",  address_,
                                      "--metrics-address", "off",
                                      "--state-dir",       flags_.state_dir,
                                      "--log-level",       "warning"};
  if (!flags_.config.empty()) {
    command.insert(command.end(), {"--config", flags_.config});
  }
  HP_ASSIGN_OR_RETURN(coordinator_,
                      ChildProcess::Spawn(command, flags_.state_dir + "/log"));
  return absl::OkStatus();
}

v1::CreateJobRequest LoadRun::Request(const std::string& id) const {
  v1::CreateJobRequest request;
  request.set_id(id);
  request.set_kind(v1::JOB_KIND_TRAIN);
  request.set_config_yaml(absl::StrCat(
      "name: load\nmodel: {random: {variant: tiny-t2v}}\nlora: {rank: 4}\n"
      "data: {height: 64, width: 48, frames: 9, random: {samples: 5}}\n"
      "train: {steps: 6, micro_batches: 4}\n"
      "output: {dir: /nowhere/",
      id, ", save_every: {steps: 2}}\n"));
  return request;
}

void LoadRun::Submit(int number, absl::Time due, bool again) {
  const std::string id = absl::StrCat("load-", number);
  client_->Create(
      Request(id), absl::Seconds(10),
      [this, number, due, again, id](const grpc::Status& status) {
        if (status.ok()) {
          ++acknowledged_[id];
          const bool met_outage = again || MetOutage(due);
          (met_outage ? interrupted_ : submits_).Add(absl::Now() - due);
          return;
        }
        if (!MayPass(status)) {
          if (refused_.empty()) {
            refused_ = absl::StrCat("code ", status.error_code(), ": ",
                                    status.error_message());
            std::printf("submission %d refused, %s\n", number,
                        refused_.c_str());
          }
          return;
        }
        ++resent_;
        client_->At(absl::Now() + kRetryPause,
                    [this, number, due] { Submit(number, due, true); });
      });
}

absl::Status LoadRun::Fill() {
  const absl::Time start = absl::Now();
  int next = 0;
  int failed = 0;
  const auto pump = [&] {
    while (next < flags_.queue && client_->in_flight() < 64) {
      const std::string id = absl::StrCat("queued-", next++);
      client_->Create(Request(id), absl::Seconds(30),
                      [this, id, &failed](const grpc::Status& status) {
                        if (status.ok()) {
                          ++acknowledged_[id];
                        } else {
                          ++failed;
                        }
                      });
    }
    return next == flags_.queue && client_->in_flight() == 0;
  };
  while (!pump()) client_->RunUntil(absl::Now() + absl::Milliseconds(1));
  std::printf("queued %d jobs in %s (%d refused)\n", flags_.queue,
              absl::FormatDuration(absl::Now() - start).c_str(), failed);
  return failed == 0 ? absl::OkStatus()
                     : absl::InternalError("the queue was not filled");
}

void LoadRun::StartWatchers() {
  watchers_.resize(static_cast<size_t>(flags_.watchers));
  for (int i = 0; i < flags_.watchers; ++i) Watch(i);
  const bool all = client_->RunUntil(
      [this] {
        return std::all_of(watchers_.begin(), watchers_.end(),
                           [](const Watcher& w) { return w.cursor > 0; });
      },
      absl::Now() + absl::Seconds(30));
  std::printf("%d watchers %s\n", flags_.watchers,
              all ? "have seen their job" : "were started, NOT ALL ANSWERED");
}

void LoadRun::Watch(int index) {
  Watcher& watcher = watchers_[static_cast<size_t>(index)];
  client_->Watch(
      absl::StrCat("queued-", index), watcher.cursor, index,
      [this, &watcher](const v1::JobEvent& event) {
        watcher.out_of_order |= event.cursor() != watcher.cursor + 1;
        watcher.cursor = event.cursor();
        if (event.state().state() == v1::JOB_STATE_CANCELLED) {
          deliveries_.Add(absl::Now() - watcher.cancelled_at);
        }
      },
      [this, index, &watcher](const grpc::Status& status) {
        watcher.ended = status.ok();
        if (status.ok() || !MayPass(status)) return;
        client_->At(absl::Now() + kRetryPause, [this, index] { Watch(index); });
      });
}

void LoadRun::ListOnce() {
  const absl::Time due = absl::Now();
  v1::ListJobsRequest request;
  client_->List(request, absl::Seconds(10),
                [this, due](const grpc::Status& status, const auto&) {
                  if (MetOutage(due) ||
                      status.error_code() == grpc::StatusCode::UNAVAILABLE) {
                    return;
                  }
                  if (status.ok()) {
                    lists_.Add(absl::Now() - due);
                  } else {
                    ++list_errors_;
                  }
                });
}

void LoadRun::CancelWatched(int index) {
  Watcher& watcher = watchers_[static_cast<size_t>(index)];
  watcher.cancelled_at = absl::Now();
  client_->Cancel(absl::StrCat("queued-", index),
                  [this, index](const grpc::Status& status) {
                    if (!MayPass(status)) return;
                    client_->At(absl::Now() + kRetryPause,
                                [this, index] { CancelWatched(index); });
                  });
}

void LoadRun::KillAndRestart() {
  killed_ = absl::Now();
  coordinator_->Kill();
  if (absl::Status status = StartCoordinator(); !status.ok()) {
    refused_ = std::string(status.message());
    return;
  }
  AwaitReturn();
}

void LoadRun::AwaitReturn() {
  v1::ListJobsRequest request;
  request.set_page_size(1);
  client_->List(request, absl::Seconds(10),
                [this](const grpc::Status& status, const auto&) {
                  if (status.ok()) {
                    back_ = absl::Now();
                  } else {
                    client_->At(absl::Now() + kRetryPause,
                                [this] { AwaitReturn(); });
                  }
                });
}

void LoadRun::SubmitOpenLoop() {
  const absl::Time start = absl::Now();
  const absl::Time end = start + absl::Seconds(flags_.seconds);
  const absl::Duration gap = absl::Seconds(1) / flags_.rate;
  absl::Time next_list = start;
  const absl::Duration cancel_gap =
      absl::Seconds(flags_.seconds) / (flags_.watchers + 1);
  int cancelled = 0;
  bool killed = flags_.kill_at < 0;
  while (true) {
    const absl::Time due = start + submitted_ * gap;
    if (due >= end) break;
    client_->RunUntil(due);
    Submit(submitted_++, due);
    worst_backlog_ = std::max(worst_backlog_, client_->in_flight());
    if (due >= next_list) {
      ListOnce();
      next_list += absl::Seconds(1) / flags_.lists_per_second;
    }
    if (cancelled < flags_.watchers &&
        due >= start + (cancelled + 1) * cancel_gap) {
      CancelWatched(cancelled++);
    }
    if (!killed && due >= start + absl::Seconds(1) * flags_.kill_at) {
      KillAndRestart();
      killed = true;
    }
  }
  (void)client_->RunUntil(
      [this] {
        return client_->in_flight() ==
               std::count_if(watchers_.begin(), watchers_.end(),
                             [](const Watcher& w) { return !w.ended; });
      },
      absl::Now() + absl::Seconds(60));
}

absl::Status LoadRun::CheckJobs(const char* when) {
  std::map<std::string, int> there;
  v1::ListJobsRequest request;
  request.set_page_size(500);
  bool more = true;
  int errors = 0;
  while (more) {
    bool answered = false;
    client_->List(
        request, absl::Seconds(30),
        [&](const grpc::Status& status, const v1::ListJobsResponse& response) {
          answered = true;
          if (!status.ok()) {
            ++errors;
            return;
          }
          for (const v1::Job& job : response.jobs()) {
            ++there[job.id()];
          }
          request.set_page_token(response.next_page_token());
          more = !response.next_page_token().empty();
        });
    (void)client_->RunUntil([&] { return answered; },
                            absl::Now() + absl::Seconds(60));
    if (!answered || errors > 200) {
      return absl::UnavailableError("the jobs cannot be listed");
    }
    if (errors > 0) client_->RunUntil(absl::Now() + kRetryPause);
  }
  int lost = 0;
  for (const auto& [id, times] : acknowledged_) lost += there.count(id) == 0;
  int doubled = 0;
  for (const auto& [id, times] : there) doubled += times > 1;
  std::printf("%s: %zu acknowledged, %zu there, %d lost, %d twice\n", when,
              acknowledged_.size(), there.size(), lost, doubled);
  return lost == 0 && doubled == 0
             ? absl::OkStatus()
             : absl::DataLossError("jobs were lost or doubled");
}

absl::Status LoadRun::CheckWatchers() {
  int unfinished = 0;
  int out_of_order = 0;
  for (const Watcher& watcher : watchers_) {
    unfinished += watcher.ended ? 0 : 1;
    out_of_order += watcher.out_of_order ? 1 : 0;
  }
  std::printf(
      "watchers: %d did not hear of their job's end, %d missed or "
      "repeated an event\n",
      unfinished, out_of_order);
  return unfinished == 0 && out_of_order == 0
             ? absl::OkStatus()
             : absl::DataLossError("watchers missed events");
}

absl::Status LoadRun::EndCoordinator() {
  coordinator_->Signal(SIGTERM);
  const std::optional<ChildExit> exit =
      coordinator_->WaitUntil(absl::Now() + absl::Seconds(60));
  if (!exit.has_value()) {
    return absl::DeadlineExceededError(
        "the coordinator did not end within a minute of SIGTERM");
  }
  if (*exit == ChildExit{}) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("the coordinator ", ToString(*exit),
                                          "; see ", flags_.state_dir, "/log"));
}

absl::Status LoadRun::CheckLimits() {
  if (!refused_.empty()) {
    return absl::InternalError(absl::StrCat("refused: ", refused_));
  }
  if (list_errors_ > 0) return absl::InternalError("a list failed");
  if (acknowledged_.size() !=
      static_cast<size_t>(flags_.queue) + static_cast<size_t>(submitted_)) {
    return absl::InternalError("not every submission was acknowledged");
  }
  const auto above = [](double limit, absl::Duration measured) {
    return limit > 0 && measured > absl::Milliseconds(limit);
  };
  if (above(flags_.submit_p99_ms, submits_.At(0.99)) ||
      above(flags_.list_p99_ms, lists_.At(0.99))) {
    return absl::DeadlineExceededError("slower than asked for");
  }
  return absl::OkStatus();
}

absl::Status LoadRun::Run() {
  std::filesystem::remove_all(flags_.state_dir);
  HP_RETURN_IF_ERROR(MakeDirectories(flags_.state_dir));
  HP_RETURN_IF_ERROR(StartCoordinator());
  const std::string socket = socket_dir_.path() + "/socket";
  for (int i = 0; i < 200 && !std::filesystem::exists(socket); ++i) {
    absl::SleepFor(absl::Milliseconds(50));
  }
  client_ =
      std::make_unique<LoadClient>(address_, std::max(1, flags_.watchers));
  HP_RETURN_IF_ERROR(Fill());
  StartWatchers();
  SubmitOpenLoop();
  submits_.Print("submit");
  interrupted_.Print("submit, in the outage");
  lists_.Print("list");
  deliveries_.Print("event at its watcher");
  std::printf(
      "%d submissions, %d sent again, at most %d calls at once, "
      "away for %s\n",
      submitted_, resent_, worst_backlog_,
      back_ > killed_ ? absl::FormatDuration(back_ - killed_).c_str() : "0");
  HP_RETURN_IF_ERROR(CheckJobs("after the load"));
  coordinator_->Kill();
  HP_RETURN_IF_ERROR(StartCoordinator());
  HP_RETURN_IF_ERROR(CheckJobs("after another kill"));
  HP_RETURN_IF_ERROR(CheckWatchers());
  HP_RETURN_IF_ERROR(EndCoordinator());
  return CheckLimits();
}

}  // namespace halfpipe
