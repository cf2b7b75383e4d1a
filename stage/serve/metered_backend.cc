#include "stage/serve/metered_backend.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/log.h"

namespace halfpipe {

absl::StatusOr<ScanResult> MeteredBackend::Scan(const ScanCommand& command,
                                                std::stop_token stop) {
  absl::StatusOr<ScanResult> result = backend_->Scan(command, std::move(stop));
  if (result.ok()) {
    const CacheUse& cache = result->cache;
    metrics_->OnCacheUse("latents", cache.latents_hits, cache.latents_misses);
    metrics_->OnCacheUse("context", cache.context_hits, cache.context_misses);
  }
  return result;
}

absl::StatusOr<EncodeResult> MeteredBackend::Encode(
    const EncodeCommand& command, std::stop_token stop) {
  absl::StatusOr<EncodeResult> result =
      backend_->Encode(command, std::move(stop));
  if (result.ok()) {
    for (const ModelLoad& load : result->loads) {
      metrics_->OnModelLoaded(load.part, load.seconds, load.bytes);
    }
    for (const auto& [reason, samples] : result->rejected_by_reason) {
      metrics_->OnRejected(reason, samples);
    }
    LogInfo("samples encoded", {{"encoded", result->encoded},
                                {"rejected", result->rejected.size()}});
  }
  return result;
}

absl::StatusOr<OpenLinkResult> MeteredBackend::OpenLink(
    const OpenLinkCommand& command, std::stop_token stop) {
  return backend_->OpenLink(command, std::move(stop));
}

absl::StatusOr<StartResult> MeteredBackend::Start(Epoch epoch,
                                                  const StartCommand& command,
                                                  std::stop_token stop) {
  SetLogContext("job", command.job);
  SetLogContext("epoch", absl::StrCat(epoch.value()));
  job_loaded_ = true;
  absl::StatusOr<StartResult> result =
      backend_->Start(epoch, command, std::move(stop));
  // A start that fails has ended the job before it all the same.
  metrics_->SetLayers(result.ok() ? result->layers : 0);
  if (result.ok()) {
    CountLoad(*result);
    LogInfo("job started", {{"load_seconds", result->load_seconds},
                            {"layers", result->layers},
                            {"resumed_from", command.resume_from}});
  }
  return result;
}

void MeteredBackend::CountLoad(const StartResult& result) {
  if (!result.weight_bytes_read.has_value()) return;
  const int64_t bytes = *result.weight_bytes_read;
  metrics_->OnModelLoaded("dit", result.load_seconds, bytes);
  metrics_->OnCacheUse("weights", bytes == 0 ? 1 : 0, bytes == 0 ? 0 : 1);
}

absl::StatusOr<StepResult> MeteredBackend::Step(const StepCommand& command,
                                                std::stop_token stop) {
  SetLogContext("step", absl::StrCat(command.plan.step.value()));
  absl::StatusOr<StepResult> result = backend_->Step(command, std::move(stop));
  // An evaluation is no step, and would bend the steps' figures.
  if (result.ok() && !command.plan.evaluation) {
    const StepReport& report = result->report;
    const DeviceMemoryUse& memory = report.device_memory;
    metrics_->OnStep(report.pinned_host_bytes);
    metrics_->SetGpuMemory({.weights = memory.weights_bytes,
                            .lora = memory.lora_bytes,
                            .optimizer = memory.optimizer_bytes,
                            .activations = memory.activations_bytes,
                            .workspace = memory.workspace_bytes,
                            .free = memory.free_bytes});
    LogDebug("step done", {{"seconds", report.step_seconds}});
  }
  return result;
}

absl::StatusOr<SaveResult> MeteredBackend::Save(const SaveCommand& command,
                                                std::stop_token stop) {
  return backend_->Save(command, std::move(stop));
}

absl::StatusOr<ExportResult> MeteredBackend::Export(
    const ExportCommand& command, std::stop_token stop) {
  return backend_->Export(command, std::move(stop));
}

absl::StatusOr<EndResult> MeteredBackend::End(const EndCommand& command,
                                              std::stop_token stop) {
  absl::StatusOr<EndResult> result = backend_->End(command, std::move(stop));
  if (result.ok()) job_loaded_ = false;
  metrics_->SetLayers(0);
  LogInfo("job ended", {{"reason", command.reason}});
  SetLogContext("job", "");
  SetLogContext("epoch", "");
  SetLogContext("step", "");
  return result;
}

StageActivity MeteredBackend::activity() const {
  StageActivity activity = backend_->activity();
  if (read_free_ == nullptr) return activity;
  absl::MutexLock lock(&mutex_);
  if (!job_loaded_) free_ = read_free_();
  activity.device_free_change_bytes = free_.device_change_bytes;
  activity.host_available_bytes = free_.host_available_bytes;
  return activity;
}

}  // namespace halfpipe
