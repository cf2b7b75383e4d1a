#include "stage/job/reporting_weights.h"

#include <utility>

#include "common/base/status.h"

namespace halfpipe {

ReportingWeights::ReportingWeights(const WeightSource* source,
                                   ProgressCallback on_progress)
    : source_(source), on_progress_(std::move(on_progress)) {}

const ModelSpec& ReportingWeights::spec() const { return source_->spec(); }

absl::StatusOr<at::Tensor> ReportingWeights::Load(
    absl::string_view native_name, at::ScalarType dtype,
    const at::Device& device) const {
  HP_ASSIGN_OR_RETURN(at::Tensor tensor,
                      source_->Load(native_name, dtype, device));
  Count();
  return tensor;
}

void ReportingWeights::BeginLoads(const std::vector<std::string>& native_names,
                                  const at::Device& device) const {
  source_->BeginLoads(native_names, device);
}

void ReportingWeights::EndLoads() const { source_->EndLoads(); }

int64_t ReportingWeights::bytes_read() const { return source_->bytes_read(); }

absl::StatusOr<Fp8Matrix> ReportingWeights::LoadQuantised(
    absl::string_view native_name, const at::Device& device) const {
  HP_ASSIGN_OR_RETURN(Fp8Matrix matrix,
                      source_->LoadQuantised(native_name, device));
  Count();
  return matrix;
}

void ReportingWeights::Count() const {
  on_progress_({.work = StageWork::kLoadingWeights, .done = ++loaded_});
}

}  // namespace halfpipe
