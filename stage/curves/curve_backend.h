// Writes the curves of what a stage trains, around any backend.
#ifndef HP_STAGE_CURVES_CURVE_BACKEND_H_
#define HP_STAGE_CURVES_CURVE_BACKEND_H_

#include <functional>
#include <memory>
#include <utility>

#include "absl/time/time.h"
#include "stage/curves/job_curves.h"
#include "stage/runtime/stage_backend.h"

namespace halfpipe {

// Passes every call on and writes a row for each step and each evaluation that
// came off. For stage 0, which has the loss. Does not own the backend, which
// outlives it.
class CurveBackend : public StageBackend {
 public:
  using WallClock = std::function<absl::Time()>;

  CurveBackend(StageBackend* backend, WallClock wall)
      : backend_(backend), wall_(std::move(wall)) {}

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
  // The rows of the steps that it saves are on the disk before it is.
  absl::StatusOr<SaveResult> Save(const SaveCommand& command,
                                  std::stop_token stop) override;
  absl::StatusOr<ExportResult> Export(const ExportCommand& command,
                                      std::stop_token stop) override;
  absl::StatusOr<EndResult> End(const EndCommand& command,
                                std::stop_token stop) override;

  [[nodiscard]] std::shared_ptr<const LoadedJob> loaded() const override {
    return backend_->loaded();
  }

  [[nodiscard]] StageActivity activity() const override {
    return backend_->activity();
  }

 private:
  StageBackend* const backend_;
  const WallClock wall_;
  std::unique_ptr<JobCurves> curves_;  // of the job that is loaded
};

}  // namespace halfpipe

#endif  // HP_STAGE_CURVES_CURVE_BACKEND_H_
