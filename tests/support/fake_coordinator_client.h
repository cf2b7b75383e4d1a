// A coordinator that hands out the commands a test has queued.
#ifndef HP_TESTS_SUPPORT_FAKE_COORDINATOR_CLIENT_H_
#define HP_TESTS_SUPPORT_FAKE_COORDINATOR_CLIENT_H_

#include <deque>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "stage/runtime/coordinator_client.h"

namespace halfpipe {

// Answers OK to everything unless statuses are queued, which it then uses up
// one a call; numbers commands from 1 again after each registration.
// Useful for: the worker's loop, retries, epochs, abandoning. Not useful for:
// the wire (use a real server for that). Thread-safe: serves both channels.
class FakeCoordinatorClient : public CoordinatorClient {
 public:
  void Queue(Epoch epoch, CommandBody body) {
    absl::MutexLock lock(&mutex_);
    commands_.emplace_back(epoch, std::move(body));
  }

  void FailRegister(absl::Status status) { Push(&register_failures_, status); }

  void FailNext(absl::Status status) { Push(&next_failures_, status); }

  void FailReport(absl::Status status) { Push(&report_failures_, status); }

  void FailHeartbeat(absl::Status status) {
    Push(&heartbeat_failures_, status);
  }

  void set_heartbeat_reply(HeartbeatReply reply) {
    absl::MutexLock lock(&mutex_);
    reply_ = reply;
  }

  // Blocks until that many results have come in.
  std::vector<CommandResult> AwaitReports(size_t count) {
    const auto enough = [this, count]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return reports_.size() >= count;
    };
    absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(&enough), absl::Seconds(20));
    return reports_;
  }

  std::vector<StageHeartbeat> heartbeats() const {
    absl::MutexLock lock(&mutex_);
    return heartbeats_;
  }

  int registrations() const {
    absl::MutexLock lock(&mutex_);
    return registrations_;
  }

  // Of the last registration that was tried.
  StageInfo registered() const {
    absl::MutexLock lock(&mutex_);
    return registered_;
  }

  absl::Status Register(const StageInfo& info) override {
    absl::MutexLock lock(&mutex_);
    registered_ = info;
    const absl::Status status = Pop(&register_failures_);
    if (!status.ok()) return status;
    ++registrations_;
    sequence_ = 0;
    return status;
  }

  absl::StatusOr<StageCommand> NextCommand(int64_t last_sequence,
                                           absl::Duration wait) override {
    const auto any = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return !commands_.empty() || !next_failures_.empty();
    };
    absl::MutexLock lock(&mutex_);
    if (!mutex_.AwaitWithTimeout(absl::Condition(&any), wait)) {
      return absl::DeadlineExceededError("no command yet");
    }
    const absl::Status status = Pop(&next_failures_);
    if (!status.ok()) return status;
    if (last_sequence != sequence_) {
      return absl::InternalError("the worker skipped a command");
    }
    StageCommand command;
    command.sequence = ++sequence_;
    command.epoch = commands_.front().first;
    command.body = std::move(commands_.front().second);
    commands_.pop_front();
    return command;
  }

  absl::Status Report(const CommandResult& result) override {
    absl::MutexLock lock(&mutex_);
    const absl::Status status = Pop(&report_failures_);
    if (status.ok()) reports_.push_back(result);
    return status;
  }

  absl::StatusOr<HeartbeatReply> Heartbeat(
      const StageHeartbeat& heartbeat) override {
    absl::MutexLock lock(&mutex_);
    heartbeats_.push_back(heartbeat);
    const absl::Status status = Pop(&heartbeat_failures_);
    if (!status.ok()) return status;
    return reply_;
  }

 private:
  using Failures = std::deque<absl::Status>;

  void Push(Failures* failures, absl::Status status) {
    absl::MutexLock lock(&mutex_);
    failures->push_back(std::move(status));
  }

  static absl::Status Pop(Failures* failures) {
    if (failures->empty()) return absl::OkStatus();
    absl::Status status = std::move(failures->front());
    failures->pop_front();
    return status;
  }

  mutable absl::Mutex mutex_;
  std::deque<std::pair<Epoch, CommandBody>> commands_ ABSL_GUARDED_BY(mutex_);
  Failures register_failures_ ABSL_GUARDED_BY(mutex_);
  Failures next_failures_ ABSL_GUARDED_BY(mutex_);
  Failures report_failures_ ABSL_GUARDED_BY(mutex_);
  Failures heartbeat_failures_ ABSL_GUARDED_BY(mutex_);
  HeartbeatReply reply_ ABSL_GUARDED_BY(mutex_);
  int64_t sequence_ ABSL_GUARDED_BY(mutex_) = 0;
  int registrations_ ABSL_GUARDED_BY(mutex_) = 0;
  StageInfo registered_ ABSL_GUARDED_BY(mutex_);
  std::vector<CommandResult> reports_ ABSL_GUARDED_BY(mutex_);
  std::vector<StageHeartbeat> heartbeats_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace halfpipe

#endif  // HP_TESTS_SUPPORT_FAKE_COORDINATOR_CLIENT_H_
