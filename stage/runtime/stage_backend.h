// What a stage process can be asked to do, without saying how.
#ifndef HP_STAGE_RUNTIME_STAGE_BACKEND_H_
#define HP_STAGE_RUNTIME_STAGE_BACKEND_H_

#include <cstdint>
#include <memory>
#include <stop_token>

#include "absl/status/statusor.h"
#include "common/base/ids.h"
#include "common/jobs/stage_progress.h"
#include "common/jobs/stage_protocol.h"

namespace halfpipe {

// What a heartbeat says of the command that is being run.
struct StageActivity {
  Step step = {};
  int64_t action_index = -1;  // within the step's list; -1 outside a step
  StageProgress progress = {};
  int64_t device_bytes_in_use = 0;
  int64_t device_total_bytes = 0;
  int64_t device_free_change_bytes = 0;  // as in StageHeartbeat
  int64_t host_available_bytes = 0;
};

// Runs the coordinator's commands; StageWorker calls it, stage0 and stage1
// implement it out of the tensor library, the link and the data set.
//
// Thread rule: one command at a time, all from the worker's thread; activity()
// from any thread at any time, without waiting for a command.
// A command ends soon with Cancelled once `stop` is requested; it then leaves
// the weights and optimizer states of the last completed optimizer step.
// Codes: see common/base/status.h. Internal is a device fault after which the
// process ends itself, so that its supervisor starts a fresh one.
class StageBackend {
 public:
  virtual ~StageBackend() = default;

  [[nodiscard]] virtual absl::StatusOr<ScanResult> Scan(
      const ScanCommand& command, std::stop_token stop) = 0;

  [[nodiscard]] virtual absl::StatusOr<EncodeResult> Encode(
      const EncodeCommand& command, std::stop_token stop) = 0;

  [[nodiscard]] virtual absl::StatusOr<OpenLinkResult> OpenLink(
      const OpenLinkCommand& command, std::stop_token stop) = 0;

  // `epoch` is the one that the link's join compares on both sides. A job that
  // is still loaded from an earlier epoch is replaced.
  [[nodiscard]] virtual absl::StatusOr<StartResult> Start(
      Epoch epoch, const StartCommand& command, std::stop_token stop) = 0;

  [[nodiscard]] virtual absl::StatusOr<StepResult> Step(
      const StepCommand& command, std::stop_token stop) = 0;

  [[nodiscard]] virtual absl::StatusOr<SaveResult> Save(
      const SaveCommand& command, std::stop_token stop) = 0;

  [[nodiscard]] virtual absl::StatusOr<ExportResult> Export(
      const ExportCommand& command, std::stop_token stop) = 0;

  [[nodiscard]] virtual absl::StatusOr<EndResult> End(const EndCommand& command,
                                                      std::stop_token stop) = 0;

  // The job that the stage could go on with, null: none. Between commands, from
  // the worker's thread.
  [[nodiscard]] virtual std::shared_ptr<const LoadedJob> loaded() const {
    return nullptr;
  }

  [[nodiscard]] virtual StageActivity activity() const = 0;
};

}  // namespace halfpipe

#endif  // HP_STAGE_RUNTIME_STAGE_BACKEND_H_
