#include "common/wan/feed_forward.h"

#include <ATen/TensorOperators.h>

#include "common/base/status.h"
#include "common/kernels/residual.h"

namespace halfpipe {

void FeedForwardSaved::AppendFields(SavedFields* fields) {
  fields->push_back({"ffn.x", &x});
  fields->push_back({"ffn.mean", &stats.mean});
  fields->push_back({"ffn.rstd", &stats.rstd});
  fields->push_back({"ffn.normed", &normed});
  fields->push_back({"ffn.0.adapted", &inner_adapted});
  fields->push_back({"ffn.inner", &inner});
  fields->push_back({"ffn.activated", &activated});
  fields->push_back({"ffn.2.adapted", &outer_adapted});
}

absl::StatusOr<FeedForward> FeedForward::Load(const LayerLoader& loader,
                                              const std::string& block) {
  FeedForward layer;
  HP_ASSIGN_OR_RETURN(layer.inner_, loader.Adapted(block + "ffn.0"));
  HP_ASSIGN_OR_RETURN(layer.outer_, loader.Adapted(block + "ffn.2"));
  return layer;
}

at::Tensor FeedForward::Forward(const at::Tensor& x,
                                const Modulation& modulation,
                                FeedForwardSaved* saved) const {
  saved->x = x;
  saved->normed = ModulatedLayerNorm(x, modulation.shift, modulation.scale,
                                     kWanEps, &saved->stats);
  saved->inner = inner_.Forward(saved->normed, &saved->inner_adapted);
  saved->activated = GeluTanh(saved->inner);
  at::Tensor y = outer_.Forward(saved->activated, &saved->outer_adapted);
  return GatedResidual(x, modulation.gate, y);
}

at::Tensor FeedForward::Backward(const at::Tensor& d,
                                 const Modulation& modulation,
                                 const FeedForwardSaved& saved) {
  at::Tensor dy = GatedResidualBackward(d, modulation.gate);
  at::Tensor dactivated = outer_.Backward(
      dy, saved.activated, saved.outer_adapted, /*need_dx=*/true);
  at::Tensor dinner = GeluTanhBackward(dactivated, saved.inner);
  at::Tensor dnormed = inner_.Backward(dinner, saved.normed,
                                       saved.inner_adapted, /*need_dx=*/true);
  return d + ModulatedLayerNormBackward(dnormed, saved.x, modulation.scale,
                                        saved.stats);
}

void FeedForward::AppendAdapters(std::vector<LoraAdapter*>* adapters) const {
  AppendAdapter(inner_.adapter(), adapters);
  AppendAdapter(outer_.adapter(), adapters);
}

}  // namespace halfpipe
