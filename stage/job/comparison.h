// Relative errors of one set of tensors against another, and the bounds of the
// parity contract.
#ifndef HP_STAGE_JOB_COMPARISON_H_
#define HP_STAGE_JOB_COMPARISON_H_

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <vector>

namespace halfpipe {

// Bounds on relative errors.
struct ErrorBounds {
  double total = 1e-4;       // prediction, loss, all gradients concatenated
  double per_tensor = 1e-4;  // any single gradient
};

// ||a - b|| / ||b|| in float64; where ||b|| < 1e-12 the absolute error
// ||a - b||, scaled so that 1e-7 is the limit of any bound.
struct TensorError {
  double difference = 0.0;  // ||a - b||
  double reference = 0.0;   // ||b||

  [[nodiscard]] double relative() const;
  [[nodiscard]] bool Within(double bound) const;
};

// Any shapes with equal element counts; NaN or infinity in either is never
// within a bound.
[[nodiscard]] TensorError CompareTensors(const at::Tensor& ours,
                                         const at::Tensor& reference);

// One printed line: a group of tensors and its worst member.
struct GroupResult {
  std::string group;  // "prediction", "grad self_attn.q.lora_A", ...
  size_t tensors = 0;
  double worst = 0.0;  // relative error
  std::string worst_name = {};
  double bound = 0.0;
  bool within = true;
};

// Gradients by key, grouped over the blocks, then all of them as one vector.
// REQUIRES: the same keys on both sides.
[[nodiscard]] std::vector<GroupResult> CompareGradients(
    const std::map<std::string, at::Tensor>& ours,
    const std::map<std::string, at::Tensor>& reference,
    const ErrorBounds& bounds);

// A single tensor as a group of its own.
[[nodiscard]] GroupResult CompareOne(const std::string& name,
                                     const at::Tensor& ours,
                                     const at::Tensor& reference, double bound);

}  // namespace halfpipe

#endif  // HP_STAGE_JOB_COMPARISON_H_
