// Weights that say how far their loading is.
#ifndef HP_STAGE_JOB_REPORTING_WEIGHTS_H_
#define HP_STAGE_JOB_REPORTING_WEIGHTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "common/jobs/stage_progress.h"
#include "stage/wan/weight_source.h"

namespace halfpipe {

// Passes everything on to `source`, which outlives it, and after each tensor
// tells kLoadingWeights: a load that takes an hour is told from one that hangs.
// Threads: WeightSource's.
class ReportingWeights : public WeightSource {
 public:
  ReportingWeights(const WeightSource* source, ProgressCallback on_progress);

  [[nodiscard]] const ModelSpec& spec() const override;
  [[nodiscard]] absl::StatusOr<at::Tensor> Load(
      absl::string_view native_name, at::ScalarType dtype,
      const at::Device& device) const override;
  void BeginLoads(const std::vector<std::string>& native_names,
                  const at::Device& device) const override;
  void EndLoads() const override;
  [[nodiscard]] int64_t bytes_read() const override;
  [[nodiscard]] absl::StatusOr<Fp8Matrix> LoadQuantised(
      absl::string_view native_name, const at::Device& device) const override;

 private:
  void Count() const;

  const WeightSource* const source_;
  const ProgressCallback on_progress_;
  mutable int64_t loaded_ = 0;
};

}  // namespace halfpipe

#endif  // HP_STAGE_JOB_REPORTING_WEIGHTS_H_
