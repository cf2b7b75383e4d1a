#include "stage/train/clip.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>

#include <algorithm>
#include <cmath>

namespace halfpipe {

at::Tensor SquaredNorms(const std::vector<at::Tensor>& tensors) {
  if (tensors.empty()) return at::empty({0}, at::kDouble);
  std::vector<at::Tensor> norms;
  norms.reserve(tensors.size());
  for (const at::Tensor& tensor : tensors) {
    const at::Tensor flat = tensor.detach().reshape({-1}).to(at::kDouble);
    norms.push_back((flat * flat).sum());
  }
  return at::stack(norms);
}

double GlobalNorm(const std::vector<double>& squared_norms) {
  double sum = 0.0;
  for (double value : squared_norms) sum += value;
  return std::sqrt(sum);
}

double ClipFactor(double norm, double max_norm) {
  if (max_norm <= 0.0) return 1.0;
  return std::min(1.0, max_norm / (norm + 1e-6));
}

}  // namespace halfpipe
