// Counts what a stage does for Prometheus, around any backend.
#ifndef HP_COMMON_STAGE_PROCESS_METERED_BACKEND_H_
#define HP_COMMON_STAGE_PROCESS_METERED_BACKEND_H_

#include "common/metrics/stage_metrics.h"
#include "common/runtime/stage_backend.h"

namespace halfpipe {

// Passes every call on, sets the log's context (job, epoch, step) and tells
// the metrics what came of it. Owns neither; both outlive it.
class MeteredBackend : public StageBackend {
 public:
  MeteredBackend(StageBackend* backend, StageMetrics* metrics)
      : backend_(backend), metrics_(metrics) {}

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
  [[nodiscard]] StageActivity activity() const override;

 private:
  StageBackend* const backend_;
  StageMetrics* const metrics_;
};

}  // namespace halfpipe

#endif  // HP_COMMON_STAGE_PROCESS_METERED_BACKEND_H_
