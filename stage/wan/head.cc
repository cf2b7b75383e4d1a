#include "stage/wan/head.h"

#include <ATen/TensorOperators.h>

#include "common/base/status.h"
#include "stage/wan/patches.h"

namespace halfpipe {

absl::StatusOr<Head> Head::Load(const LayerLoader& loader) {
  Head head;
  head.model_spec_ = loader.spec();
  HP_ASSIGN_OR_RETURN(head.modulation_, loader.Float("head.modulation"));
  HP_ASSIGN_OR_RETURN(head.linear_, loader.Frozen("head.head"));
  return head;
}

at::Tensor Head::Forward(const at::Tensor& x, const at::Tensor& time,
                         const TokenGrid& grid, HeadSaved* saved) const {
  // (1, 1, 2, D) + (B, G, 1, D)
  at::Tensor rows = modulation_.unsqueeze(1) + time.unsqueeze(2);
  saved->x = x;
  saved->scale = rows.select(2, 1);
  at::Tensor normed = ModulatedLayerNorm(x.to(at::kFloat), rows.select(2, 0),
                                         saved->scale, kWanEps, &saved->stats);
  return FoldPrediction(Linear(normed, linear_), grid, model_spec_);
}

at::Tensor Head::Backward(const at::Tensor& dprediction,
                          const HeadSaved& saved) const {
  at::Tensor dfeatures =
      UnfoldPrediction(dprediction.to(at::kFloat), model_spec_);
  // Its result has the dtype of saved.x.
  return ModulatedLayerNormBackward(LinearBackward(dfeatures, linear_), saved.x,
                                    saved.scale, saved.stats);
}

}  // namespace halfpipe
