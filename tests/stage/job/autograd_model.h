// The float32 model by autograd, written for its formulas alone. Useful for:
// golden files of models that no other program knows.
#ifndef HP_TESTS_STAGE_JOB_AUTOGRAD_MODEL_H_
#define HP_TESTS_STAGE_JOB_AUTOGRAD_MODEL_H_

#include <ATen/core/Tensor.h>

#include <functional>
#include <map>
#include <string>

#include "common/model/model_spec.h"
#include "stage/wan/microbatch_inputs.h"

namespace halfpipe {

struct AutogradModel {
  struct Adapter {
    at::Tensor a;  // (r, in)
    at::Tensor b;  // (out, r)
  };

  ModelSpec spec;
  std::map<std::string, at::Tensor> weights = {};  // by native name, float32
  std::map<std::string, Adapter> adapters = {};    // leaves of the graph
  double scale = 1.0;                              // of every adapter
  // What follows a block, given its index and output; empty: nothing.
  std::function<at::Tensor(int64_t block, const at::Tensor& x)> behind_block =
      {};

  // A linear layer with its adapter, if it has one.
  [[nodiscard]] at::Tensor Apply(const std::string& module,
                                 const at::Tensor& x) const;

  // The prediction (B, C, F, H, W) of a T2V model.
  [[nodiscard]] at::Tensor Predict(const MicrobatchInputs& inputs) const;
};

}  // namespace halfpipe

#endif  // HP_TESTS_STAGE_JOB_AUTOGRAD_MODEL_H_
