#include "common/wan/self_attention.h"

#include <ATen/TensorOperators.h>

#include "common/base/status.h"
#include "common/kernels/residual.h"

namespace halfpipe {

void SelfAttentionSaved::AppendFields(SavedFields* fields) {
  fields->push_back({"self_attn.x", &x});
  fields->push_back({"self_attn.mean", &stats.mean});
  fields->push_back({"self_attn.rstd", &stats.rstd});
  fields->push_back({"self_attn.normed", &normed});
  q.AppendFields("self_attn.q", fields);
  k.AppendFields("self_attn.k", fields);
  fields->push_back({"self_attn.v.adapted", &v_adapted});
  fields->push_back({"self_attn.v.heads", &v});
  fields->push_back({"self_attn.out", &attention.out});
  fields->push_back({"self_attn.logsumexp", &attention.logsumexp});
  fields->push_back({"self_attn.philox_seed", &attention.philox_seed});
  fields->push_back({"self_attn.philox_offset", &attention.philox_offset});
  fields->push_back({"self_attn.o.adapted", &o_adapted});
}

absl::StatusOr<SelfAttention> SelfAttention::Load(const LayerLoader& loader,
                                                  const std::string& prefix,
                                                  AttentionBackend backend) {
  using Role = NormedProjection::Role;
  SelfAttention layer;
  layer.heads_ = loader.architecture().heads;
  layer.backend_ = backend;
  HP_ASSIGN_OR_RETURN(
      layer.q_, NormedProjection::Load(loader, prefix + "q", prefix + "norm_q",
                                       Role::kQuery));
  HP_ASSIGN_OR_RETURN(
      layer.k_, NormedProjection::Load(loader, prefix + "k", prefix + "norm_k",
                                       Role::kKey));
  HP_ASSIGN_OR_RETURN(layer.v_, loader.Adapted(prefix + "v"));
  HP_ASSIGN_OR_RETURN(layer.o_, loader.Adapted(prefix + "o"));
  return layer;
}

at::Tensor SelfAttention::Forward(const at::Tensor& x,
                                  const Modulation& modulation,
                                  const Conditioning& conditioning,
                                  SelfAttentionSaved* saved) const {
  saved->x = x;
  saved->normed = ModulatedLayerNorm(x, modulation.shift, modulation.scale,
                                     kWanEps, &saved->stats);
  at::Tensor q = q_.Forward(saved->normed, conditioning.rope, &saved->q);
  at::Tensor k = k_.Forward(saved->normed, conditioning.rope, &saved->k);
  saved->v = SplitHeads(v_.Forward(saved->normed, &saved->v_adapted), heads_);
  at::Tensor out = Attention(q, k, saved->v, backend_, &saved->attention);
  at::Tensor y = o_.Forward(MergeHeads(out), &saved->o_adapted);
  return GatedResidual(x, modulation.gate, y);
}

at::Tensor SelfAttention::Backward(const at::Tensor& d,
                                   const Modulation& modulation,
                                   const Conditioning& conditioning,
                                   const SelfAttentionSaved& saved,
                                   bool need_dx) {
  at::Tensor dy = GatedResidualBackward(d, modulation.gate);
  at::Tensor dout = o_.Backward(dy, MergeHeads(saved.attention.out),
                                saved.o_adapted, /*need_dx=*/true);
  AttentionGrads grads =
      AttentionBackward(SplitHeads(dout, heads_), saved.q.heads, saved.k.heads,
                        saved.v, saved.attention, backend_);
  at::Tensor dnormed =
      q_.Backward(grads.dq, saved.normed, conditioning.rope, saved.q, need_dx);
  at::Tensor from_k =
      k_.Backward(grads.dk, saved.normed, conditioning.rope, saved.k, need_dx);
  at::Tensor from_v =
      v_.Backward(MergeHeads(grads.dv), saved.normed, saved.v_adapted, need_dx);
  if (!need_dx) return {};
  dnormed.add_(from_k).add_(from_v);
  return d + ModulatedLayerNormBackward(dnormed, saved.x, modulation.scale,
                                        saved.stats);
}

void SelfAttention::AppendAdapters(std::vector<LoraAdapter*>* adapters) const {
  AppendAdapter(q_.adapter(), adapters);
  AppendAdapter(k_.adapter(), adapters);
  AppendAdapter(v_.adapter(), adapters);
  AppendAdapter(o_.adapter(), adapters);
}

}  // namespace halfpipe
