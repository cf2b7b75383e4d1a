#include "stage/wan/conditioning.h"

#include <ATen/TensorOperators.h>

#include "common/model/model_spec.h"

namespace halfpipe {

at::Tensor& Conditioning::Split(absl::string_view name) {
  if (name == kSplitContext) return context;
  if (name == kSplitModulation) return t_mod;
  return extra[std::string(name)];
}

// Contiguous, so that the matrix products see the same memory layout whether
// or not there are image tokens, and gradients can be taken over rows.
at::Tensor Conditioning::ImageContext() const {
  return context.narrow(1, 0, image_tokens).contiguous();
}

at::Tensor Conditioning::TextContext() const {
  return context.narrow(1, image_tokens, context.size(1) - image_tokens)
      .contiguous();
}

Modulation ModulationOf(const at::Tensor& table, const at::Tensor& t_mod,
                        int64_t first) {
  at::Tensor rows = table.narrow(1, first, 3).unsqueeze(1) +
                    t_mod.narrow(2, first, 3);  // (B, G, 3, D)
  return {rows.select(2, 0), rows.select(2, 1), rows.select(2, 2)};
}

}  // namespace halfpipe
