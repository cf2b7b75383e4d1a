#include "stage/train/adamw.h"

#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <utility>

#include "common/base/status.h"
#include "stage/activations/host_state.h"

namespace halfpipe {
namespace {

// Elements of parameters that are brought to the device at a time.
constexpr int64_t kElementsAtATime = int64_t{16} << 20;

}  // namespace

AdamW::AdamW(std::vector<at::Tensor> parameters, const AdamWOptions& options,
             std::optional<at::Device> streamed_to)
    : options_(options),
      streamed_to_(streamed_to),
      parameters_(std::move(parameters)) {
  if (streamed_to_.has_value()) {
    first_ = HostZerosLike(parameters_, *streamed_to_);
    second_ = HostZerosLike(parameters_, *streamed_to_);
  }
  for (const at::Tensor& parameter : parameters_) {
    if (!streamed_to_.has_value()) {
      first_.push_back(at::zeros_like(parameter));
      second_.push_back(at::zeros_like(parameter));
    }
    const at::Device device = streamed_to_.value_or(parameter.device());
    state_steps_.push_back(at::zeros({}, parameter.options().device(device)));
  }
}

void AdamW::set_steps(int64_t steps) {
  steps_ = steps;
  for (at::Tensor& state_step : state_steps_) {
    state_step.fill_(static_cast<double>(steps));
  }
}

int64_t AdamW::host_bytes() const {
  if (!streamed_to_.has_value()) return 0;
  int64_t bytes = 0;
  for (const at::Tensor& parameter : parameters_) {
    bytes += 3 * static_cast<int64_t>(parameter.nbytes());
  }
  return bytes;
}

AdamW::Part AdamW::PartOf(const std::vector<at::Tensor>& gradients,
                          size_t begin, size_t end) const {
  Part part;
  for (size_t i = begin; i < end; ++i) {
    part.parameters.push_back(parameters_[i]);
    part.gradients.push_back(gradients[i]);
    part.first.push_back(first_[i]);
    part.second.push_back(second_[i]);
    part.steps.push_back(state_steps_[i]);
  }
  return part;
}

void AdamW::StepPart(Part& part, double learning_rate) const {
  at::_fused_adamw_(part.parameters, part.gradients, part.first, part.second,
                    /*max_exp_avg_sqs=*/{}, part.steps, learning_rate,
                    options_.beta1, options_.beta2, options_.weight_decay,
                    options_.eps, /*amsgrad=*/false, /*maximize=*/false);
}

void AdamW::StreamPart(const Part& part, double learning_rate) const {
  Part there = part;
  for (auto* tensors : {&there.parameters, &there.first, &there.second}) {
    for (at::Tensor& tensor : *tensors) {
      tensor = tensor.to(*streamed_to_, tensor.scalar_type(),
                         /*non_blocking=*/true, /*copy=*/true);
    }
  }
  StepPart(there, learning_rate);
  const auto bring_back = [](const std::vector<at::Tensor>& host,
                             const std::vector<at::Tensor>& stepped) {
    for (size_t i = 0; i < host.size(); ++i) {
      host[i].copy_(stepped[i], /*non_blocking=*/true);
    }
  };
  bring_back(part.parameters, there.parameters);
  bring_back(part.first, there.first);
  bring_back(part.second, there.second);
}

void AdamW::Step(const std::vector<at::Tensor>& gradients,
                 double learning_rate) {
  HP_CHECK(gradients.size() == parameters_.size());
  // The fused kernel reads the step it is computing.
  set_steps(steps_ + 1);
  if (parameters_.empty()) return;
  if (!streamed_to_.has_value()) {
    Part all = PartOf(gradients, 0, parameters_.size());
    return StepPart(all, learning_rate);
  }
  for (size_t begin = 0; begin < parameters_.size();) {
    size_t end = begin;
    for (int64_t elements = 0;
         end < parameters_.size() && elements < kElementsAtATime; ++end) {
      elements += parameters_[end].numel();
    }
    StreamPart(PartOf(gradients, begin, end), learning_rate);
    begin = end;
  }
}

}  // namespace halfpipe
