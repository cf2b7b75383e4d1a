#include "common/wan/self_attention.h"

#include <utility>

#include "common/base/status.h"
#include "common/kernels/qk_norm.h"
#include "common/kernels/residual.h"
#include "common/wan/heads.h"

namespace halfpipe {
namespace {

// One of the three equal parts of q, k, v (or of their gradient).
at::Tensor Part(const at::Tensor& qkv, int64_t index, int64_t width) {
  return qkv.narrow(-1, index * width, width);
}

}  // namespace

void SelfAttentionSaved::AppendFields(SavedFields* fields) {
  fields->push_back({SavedGroup::kInput, &x});
  fields->push_back({SavedGroup::kQkv, &qkv});
  halfpipe::AppendFields(SavedGroup::kSelfOut, &attention, fields);
}

absl::StatusOr<SelfAttention> SelfAttention::Load(const LayerLoader& loader,
                                                  const std::string& prefix,
                                                  AttentionBackend backend) {
  SelfAttention layer;
  layer.heads_ = loader.architecture().heads;
  layer.backend_ = backend;
  HP_ASSIGN_OR_RETURN(
      layer.qkv_, loader.Adapted({prefix + "q", prefix + "k", prefix + "v"}));
  HP_ASSIGN_OR_RETURN(layer.o_, loader.Adapted({prefix + "o"}));
  HP_ASSIGN_OR_RETURN(layer.norm_q_, loader.Float(prefix + "norm_q.weight"));
  HP_ASSIGN_OR_RETURN(layer.norm_k_, loader.Float(prefix + "norm_k.weight"));
  return layer;
}

at::Tensor SelfAttention::Normed(const at::Tensor& x,
                                 const Modulation& modulation,
                                 LayerNormStats* stats) const {
  at::Tensor buffer = qkv_.InputBuffer(x.size(0), x.size(1));
  ModulatedLayerNorm(x, modulation.shift, modulation.scale, kWanEps, stats,
                     qkv_.InputColumns(buffer));
  return buffer;
}

void SelfAttention::Restore(const Modulation& modulation,
                            const Conditioning& conditioning,
                            SelfAttentionSaved* saved) const {
  const int64_t width = qkv_.in();
  if (!saved->qkv.defined()) {
    LayerNormStats stats;
    saved->qkv = qkv_.Forward(Normed(saved->x, modulation, &stats));
  }
  if (saved->attention.out.defined()) return;
  at::Tensor rstd;
  const at::Tensor q = QkNorm(Part(saved->qkv, 0, width), norm_q_,
                              conditioning.rope, QueryNorm(heads_), &rstd);
  const at::Tensor k = QkNorm(Part(saved->qkv, 1, width), norm_k_,
                              conditioning.rope, KeyNorm(heads_), &rstd);
  Attention(q, k, SplitHeads(Part(saved->qkv, 2, width), heads_), backend_,
            &saved->attention);
}

at::Tensor SelfAttention::Output(const Modulation& modulation,
                                 const SelfAttentionSaved& saved) const {
  return GatedResidual(saved.x, modulation.gate,
                       o_.Forward(MergeHeads(saved.attention.out)));
}

at::Tensor SelfAttention::ProjectionGradient(const at::Tensor& dout,
                                             const Conditioning& conditioning,
                                             SelfAttentionSaved saved) const {
  const int64_t width = qkv_.in();
  const at::Tensor q_linear = Part(saved.qkv, 0, width);
  const at::Tensor k_linear = Part(saved.qkv, 1, width);
  at::Tensor q_rstd;
  at::Tensor k_rstd;
  at::Tensor q =
      QkNorm(q_linear, norm_q_, conditioning.rope, QueryNorm(heads_), &q_rstd);
  at::Tensor k =
      QkNorm(k_linear, norm_k_, conditioning.rope, KeyNorm(heads_), &k_rstd);
  AttentionGrads grads = AttentionBackward(
      SplitHeads(dout, heads_), q, k,
      SplitHeads(Part(saved.qkv, 2, width), heads_), saved.attention, backend_);
  q.reset();
  k.reset();
  saved.attention = {};
  at::Tensor buffer = qkv_.GradientBuffer(dout.size(0), dout.size(1));
  QkNormBackward(grads.dq, q_linear, norm_q_, conditioning.rope, q_rstd,
                 QueryNorm(heads_), Part(buffer, 0, width));
  QkNormBackward(grads.dk, k_linear, norm_k_, conditioning.rope, k_rstd,
                 KeyNorm(heads_), Part(buffer, 1, width));
  Part(buffer, 2, width).copy_(MergeHeads(grads.dv));
  return buffer;
}

at::Tensor SelfAttention::Backward(const at::Tensor& d,
                                   const Modulation& modulation,
                                   const Conditioning& conditioning,
                                   SelfAttentionSaved saved, bool need_dx) {
  const at::Tensor x = saved.x;
  at::Tensor dy = o_.GradientBuffer(d.size(0), d.size(1));
  GatedResidualBackward(d, modulation.gate, o_.GradientColumns(dy));
  at::Tensor dout =
      o_.Backward(dy, MergeHeads(saved.attention.out), /*need_dx=*/true);
  dy.reset();
  at::Tensor dqkv = ProjectionGradient(dout, conditioning, std::move(saved));
  dout.reset();
  LayerNormStats stats;
  at::Tensor normed = Normed(x, modulation, &stats);
  at::Tensor dnormed = qkv_.Backward(dqkv, normed, need_dx);
  if (!need_dx) return {};
  return ModulatedLayerNormBackward(dnormed, x, modulation.scale, stats,
                                    /*residual=*/d);
}

void SelfAttention::AppendAdapters(std::vector<LoraAdapter*>* adapters) const {
  qkv_.AppendAdapters(adapters);
  o_.AppendAdapters(adapters);
}

}  // namespace halfpipe
