// Counts what a stage does for Prometheus, around any backend.
#ifndef HP_STAGE_SERVE_METERED_BACKEND_H_
#define HP_STAGE_SERVE_METERED_BACKEND_H_

#include <atomic>
#include <functional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "stage/job/free_memory.h"
#include "stage/runtime/stage_backend.h"
#include "stage/serve/stage_metrics.h"

namespace halfpipe {

// Passes every call on, sets the log's context (job, epoch, step) and tells
// the metrics what came of it; adds what is free to the activity. Owns neither;
// both outlive it.
class MeteredBackend : public StageBackend {
 public:
  // What a job would find now; called on the heartbeats' thread.
  using FreeMemoryReader = std::function<FreeMemory()>;

  MeteredBackend(StageBackend* backend, StageMetrics* metrics,
                 FreeMemoryReader read_free = nullptr)
      : backend_(backend),
        metrics_(metrics),
        read_free_(std::move(read_free)) {}

  absl::StatusOr<ScanResult> Scan(const ScanCommand& command,
                                  std::stop_token stop) override;
  absl::StatusOr<EncodeResult> Encode(const EncodeCommand& command,
                                      std::stop_token stop) override;
  absl::StatusOr<OpenLinkResult> OpenLink(const OpenLinkCommand& command,
                                          std::stop_token stop) override;
  absl::StatusOr<StartResult> Start(Epoch epoch, const StartCommand& command,
                                    std::stop_token stop) override;
  absl::StatusOr<StepResult> Step(const StepCommand& command,
                                  std::stop_token stop) override;
  absl::StatusOr<SaveResult> Save(const SaveCommand& command,
                                  std::stop_token stop) override;
  absl::StatusOr<ExportResult> Export(const ExportCommand& command,
                                      std::stop_token stop) override;
  absl::StatusOr<EndResult> End(const EndCommand& command,
                                std::stop_token stop) override;

  [[nodiscard]] std::shared_ptr<const LoadedJob> loaded() const override {
    return backend_->loaded();
  }

  [[nodiscard]] StageActivity activity() const override;

 private:
  // Weights that a start has read or found in memory.
  void CountLoad(const StartResult& result);

  StageBackend* const backend_;
  StageMetrics* const metrics_;
  const FreeMemoryReader read_free_;  // null: nothing is said of it
  // A loaded job's own memory would look like another process's, and asking
  // may disturb it: until it ends, the last answer stands.
  std::atomic<bool> job_loaded_ = false;
  mutable absl::Mutex mutex_;
  mutable FreeMemory free_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace halfpipe

#endif  // HP_STAGE_SERVE_METERED_BACKEND_H_
