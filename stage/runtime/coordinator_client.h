// A stage's way to its coordinator.
#ifndef HP_STAGE_RUNTIME_COORDINATOR_CLIENT_H_
#define HP_STAGE_RUNTIME_COORDINATOR_CLIENT_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/jobs/stage_protocol.h"

namespace halfpipe {

// Implemented over gRPC by stage/serve and by a fake in tests. Every method
// blocks up to its deadline; Unavailable means: try again, the coordinator is
// away. Thread rule: Heartbeat from its own thread, the rest from one other.
class CoordinatorClient {
 public:
  virtual ~CoordinatorClient() = default;

  // Announces this process. AlreadyExists: another live process has this pair
  // and rank. Must be called again after FailedPrecondition ("not
  // registered"), which a restarted coordinator answers.
  [[nodiscard]] virtual absl::Status Register(const StageInfo& info) = 0;

  // Waits for the next command after `last_sequence`. DeadlineExceeded when
  // there is none yet: ask again.
  [[nodiscard]] virtual absl::StatusOr<StageCommand> NextCommand(
      int64_t last_sequence, absl::Duration wait) = 0;

  // Delivers a result. Idempotent by (epoch, sequence).
  [[nodiscard]] virtual absl::Status Report(const CommandResult& result) = 0;

  [[nodiscard]] virtual absl::StatusOr<HeartbeatReply> Heartbeat(
      const StageHeartbeat& heartbeat) = 0;
};

}  // namespace halfpipe

#endif  // HP_STAGE_RUNTIME_COORDINATOR_CLIENT_H_
