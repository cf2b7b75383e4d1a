#include "stage/curves/curve_backend.h"

#include "absl/status/statusor.h"
#include "common/base/log.h"

namespace halfpipe {

absl::StatusOr<ScanResult> CurveBackend::Scan(const ScanCommand& command,
                                              std::stop_token stop) {
  return backend_->Scan(command, std::move(stop));
}

absl::StatusOr<EncodeResult> CurveBackend::Encode(const EncodeCommand& command,
                                                  std::stop_token stop) {
  return backend_->Encode(command, std::move(stop));
}

absl::StatusOr<OpenLinkResult> CurveBackend::OpenLink(
    const OpenLinkCommand& command, std::stop_token stop) {
  return backend_->OpenLink(command, std::move(stop));
}

absl::StatusOr<StartResult> CurveBackend::Start(Epoch epoch,
                                                const StartCommand& command,
                                                std::stop_token stop) {
  curves_.reset();
  absl::StatusOr<StartResult> result =
      backend_->Start(epoch, command, std::move(stop));
  if (!result.ok()) return result;
  const absl::StatusOr<JobConfig> config =
      ParseJobConfig(command.config_yaml, "job");
  if (config.ok()) {
    curves_ = std::make_unique<JobCurves>(config->output);
  } else {
    LogWarning("no curves are written", {{"error", config.status().message()}});
  }
  return result;
}

absl::StatusOr<StepResult> CurveBackend::Step(const StepCommand& command,
                                              std::stop_token stop) {
  absl::StatusOr<StepResult> result = backend_->Step(command, std::move(stop));
  if (!result.ok() || curves_ == nullptr) return result;
  const double now = absl::ToDoubleSeconds(wall_() - absl::UnixEpoch());
  const StepPlan& plan = command.plan;
  curves_->Write(plan.evaluation ? ValidationRow(plan, result->report, now)
                                 : StepRow(plan, result->report, now));
  return result;
}

absl::StatusOr<SaveResult> CurveBackend::Save(const SaveCommand& command,
                                              std::stop_token stop) {
  if (curves_ != nullptr) curves_->Sync();
  return backend_->Save(command, std::move(stop));
}

absl::StatusOr<ExportResult> CurveBackend::Export(const ExportCommand& command,
                                                  std::stop_token stop) {
  return backend_->Export(command, std::move(stop));
}

absl::StatusOr<EndResult> CurveBackend::End(const EndCommand& command,
                                            std::stop_token stop) {
  curves_.reset();
  return backend_->End(command, std::move(stop));
}

}  // namespace halfpipe
