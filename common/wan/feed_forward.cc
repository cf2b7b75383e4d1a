#include "common/wan/feed_forward.h"

#include <utility>

#include "common/base/status.h"
#include "common/kernels/residual.h"

namespace halfpipe {

void FeedForwardSaved::AppendFields(SavedFields* fields) {
  fields->push_back({SavedGroup::kFfnInput, &x});
  fields->push_back({SavedGroup::kFfnInner, &inner});
}

absl::StatusOr<FeedForward> FeedForward::Load(const LayerLoader& loader,
                                              const std::string& block) {
  FeedForward layer;
  HP_ASSIGN_OR_RETURN(layer.inner_, loader.Adapted({block + "ffn.0"}));
  HP_ASSIGN_OR_RETURN(layer.outer_, loader.Adapted({block + "ffn.2"}));
  return layer;
}

at::Tensor FeedForward::Normed(const at::Tensor& x,
                               const Modulation& modulation,
                               LayerNormStats* stats) const {
  at::Tensor buffer = inner_.InputBuffer(x.size(0), x.size(1));
  ModulatedLayerNorm(x, modulation.shift, modulation.scale, kWanEps, stats,
                     inner_.InputColumns(buffer));
  return buffer;
}

void FeedForward::Restore(const Modulation& modulation,
                          FeedForwardSaved* saved) const {
  if (saved->inner.defined()) return;
  LayerNormStats stats;
  saved->inner = inner_.Forward(Normed(saved->x, modulation, &stats));
}

at::Tensor FeedForward::Output(const Modulation& modulation,
                               const FeedForwardSaved& saved) const {
  at::Tensor activated = outer_.InputBuffer(saved.x.size(0), saved.x.size(1));
  GeluTanh(saved.inner, outer_.InputColumns(activated));
  return GatedResidual(saved.x, modulation.gate, outer_.Forward(activated));
}

at::Tensor FeedForward::Backward(const at::Tensor& d,
                                 const Modulation& modulation,
                                 FeedForwardSaved saved) {
  const int64_t batch = d.size(0);
  const int64_t tokens = d.size(1);
  at::Tensor dinner = inner_.GradientBuffer(batch, tokens);
  {
    // One pass over inner makes gelu(inner), which is ffn.2's input, and the
    // gradient behind it; so ffn.2's own gradients come after its dx.
    at::Tensor dy = outer_.GradientBuffer(batch, tokens);
    GatedResidualBackward(d, modulation.gate, outer_.GradientColumns(dy));
    at::Tensor dactivated = outer_.InputGradient(dy);
    at::Tensor activated = outer_.InputBuffer(batch, tokens);
    GeluTanhBackward(dactivated, saved.inner, inner_.GradientColumns(dinner),
                     outer_.InputColumns(activated));
    saved.inner.reset();
    dactivated.reset();
    outer_.Backward(dy, activated, /*need_dx=*/false);
  }
  LayerNormStats stats;
  at::Tensor normed = Normed(saved.x, modulation, &stats);
  at::Tensor dnormed = inner_.Backward(dinner, normed, /*need_dx=*/true);
  return ModulatedLayerNormBackward(dnormed, saved.x, modulation.scale, stats,
                                    /*residual=*/d);
}

void FeedForward::AppendAdapters(std::vector<LoraAdapter*>* adapters) const {
  inner_.AppendAdapters(adapters);
  outer_.AppendAdapters(adapters);
}

}  // namespace halfpipe
