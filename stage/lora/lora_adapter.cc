#include "stage/lora/lora_adapter.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"

namespace halfpipe {
namespace {

LoraParameter MakeParameter(std::string name, const at::Tensor& initial,
                            const at::Device& device) {
  LoraParameter parameter;
  parameter.name = std::move(name);
  parameter.master = initial.to(device);
  parameter.grad = at::zeros_like(parameter.master);
  return parameter;
}

}  // namespace

void LoraAdapter::RefreshComputeCopies() {
  // A master in host memory is converted on the copy's device.
  const auto fresh = [](const LoraParameter& parameter) {
    return parameter.master.to(parameter.compute.device(),
                               /*non_blocking=*/true);
  };
  if (a.compute.defined()) a.compute.copy_(fresh(a));
  if (b.compute.defined()) b.compute.copy_(fresh(b).mul(scale));
}

void LoraAdapter::ZeroGrad() {
  a.grad.zero_();
  b.grad.zero_();
}

LoraAdapter MakeLoraAdapter(absl::string_view module, int64_t in, int64_t out,
                            int64_t rank, double scale,
                            const at::Device& device,
                            const UniformSource& uniform) {
  LoraAdapter adapter;
  adapter.module = std::string(module);
  adapter.in = in;
  adapter.out = out;
  adapter.scale = scale;
  std::string name_a = absl::StrCat(module, ".lora_A");
  at::Tensor a = at::empty({rank, in}, at::kFloat);
  uniform(name_a, a);
  const double bound = 1.0 / std::sqrt(static_cast<double>(in));
  a.mul_(2.0 * bound).sub_(bound);
  adapter.a = MakeParameter(std::move(name_a), a, device);
  adapter.b = MakeParameter(absl::StrCat(module, ".lora_B"),
                            at::zeros({out, rank}, at::kFloat), device);
  return adapter;
}

}  // namespace halfpipe
