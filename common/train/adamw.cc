#include "common/train/adamw.h"

#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <utility>

#include "common/base/status.h"

namespace halfpipe {

AdamW::AdamW(std::vector<at::Tensor> parameters, const AdamWOptions& options)
    : options_(options), parameters_(std::move(parameters)) {
  for (const at::Tensor& parameter : parameters_) {
    first_.push_back(at::zeros_like(parameter));
    second_.push_back(at::zeros_like(parameter));
    state_steps_.push_back(at::zeros({}, parameter.options()));
  }
}

void AdamW::set_steps(int64_t steps) {
  steps_ = steps;
  for (at::Tensor& state_step : state_steps_) {
    state_step.fill_(static_cast<double>(steps));
  }
}

void AdamW::Step(const std::vector<at::Tensor>& gradients,
                 double learning_rate) {
  HP_CHECK(gradients.size() == parameters_.size());
  // The fused kernel reads the step it is computing.
  set_steps(steps_ + 1);
  if (parameters_.empty()) return;
  at::_fused_adamw_(parameters_, gradients, first_, second_,
                    /*max_exp_avg_sqs=*/{}, state_steps_, learning_rate,
                    options_.beta1, options_.beta2, options_.weight_decay,
                    options_.eps, /*amsgrad=*/false, /*maximize=*/false);
}

}  // namespace halfpipe
