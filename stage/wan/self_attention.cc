#include "stage/wan/self_attention.h"

#include <algorithm>
#include <utility>

#include "common/base/status.h"
#include "stage/kernels/qk_norm.h"
#include "stage/kernels/residual.h"
#include "stage/wan/heads.h"

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
  for (at::Tensor* tensor : {&q_stats.rstd, &k_stats.rstd, &k_stats.mean}) {
    fields->push_back({SavedGroup::kSelfOut, tensor, /*bulky=*/false});
  }
  halfpipe::AppendFields(SavedGroup::kSelfOut, &attention, fields);
}

absl::StatusOr<SelfAttention> SelfAttention::Load(const LayerLoader& loader,
                                                  const std::string& prefix,
                                                  AttentionBackend backend,
                                                  int64_t parts) {
  SelfAttention layer;
  layer.heads_ = loader.spec().heads;
  layer.Configure(backend, parts);
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

void SelfAttention::RestoreProjection(const Modulation& modulation,
                                      SelfAttentionSaved* saved) const {
  if (saved->qkv.defined()) return;
  LayerNormStats stats;
  saved->qkv = qkv_.Forward(Normed(saved->x, modulation, &stats));
}

void SelfAttention::Restore(const Modulation& modulation,
                            const Conditioning& conditioning,
                            SelfAttentionSaved* saved) const {
  if (saved->attention.out.defined()) return;
  RestoreProjection(modulation, saved);
  const int64_t width = qkv_.in();
  const at::Tensor q =
      QkNorm(Part(saved->qkv, 0, width), norm_q_, conditioning.rope,
             QueryNorm(heads_), &saved->q_stats);
  const at::Tensor k =
      QkNorm(Part(saved->qkv, 1, width), norm_k_, conditioning.rope,
             KeyNorm(heads_), &saved->k_stats);
  Attention(q, k, SplitHeads(Part(saved->qkv, 2, width), heads_), backend_,
            &saved->attention);
}

at::Tensor SelfAttention::Output(const Modulation& modulation,
                                 const SelfAttentionSaved& saved) const {
  return GatedResidual(saved.x, modulation.gate,
                       o_.Forward(MergeHeads(saved.attention.out)));
}

AttentionGrads SelfAttention::HeadGradients(const at::Tensor& dout,
                                            const Conditioning& conditioning,
                                            const SelfAttentionSaved& saved,
                                            int64_t first,
                                            int64_t count) const {
  const int64_t width = qkv_.in();
  const at::Tensor q =
      QkNormHeads(Part(saved.qkv, 0, width), norm_q_, conditioning.rope,
                  QueryNorm(heads_), saved.q_stats, first, count);
  const at::Tensor k =
      QkNormHeads(Part(saved.qkv, 1, width), norm_k_, conditioning.rope,
                  KeyNorm(heads_), saved.k_stats, first, count);
  const auto heads = [&](const at::Tensor& x) {
    return SplitHeads(x, heads_).narrow(2, first, count);
  };
  return AttentionBackward(heads(dout), q, k, heads(Part(saved.qkv, 2, width)),
                           SavedHeads(saved.attention, first, count), backend_);
}

at::Tensor SelfAttention::ProjectionGradient(const at::Tensor& dout,
                                             const Conditioning& conditioning,
                                             SelfAttentionSaved saved) const {
  const int64_t width = qkv_.in();
  at::Tensor buffer;
  at::Tensor dq, dk;
  if (parts_ == 1) {
    AttentionGrads grads = HeadGradients(dout, conditioning, saved, 0, heads_);
    buffer = qkv_.GradientBuffer(dout.size(0), dout.size(1));
    Part(buffer, 2, width).copy_(MergeHeads(grads.dv));
    dq = grads.dq;
    dk = grads.dk;
  } else {
    // What is rotated, and what the backend works with, is there for a group of
    // heads at a time; their gradients go where all of them are wanted.
    buffer = qkv_.GradientBuffer(dout.size(0), dout.size(1));
    const auto in_buffer = [&](int64_t index) {
      return SplitHeads(Part(buffer, index, width), heads_);
    };
    const int64_t each = (heads_ + parts_ - 1) / parts_;
    for (int64_t first = 0; first < heads_; first += each) {
      const int64_t count = std::min(each, heads_ - first);
      const AttentionGrads grads =
          HeadGradients(dout, conditioning, saved, first, count);
      in_buffer(0).narrow(2, first, count).copy_(grads.dq);
      in_buffer(1).narrow(2, first, count).copy_(grads.dk);
      in_buffer(2).narrow(2, first, count).copy_(grads.dv);
    }
    dq = in_buffer(0);
    dk = in_buffer(1);
  }
  saved.attention = {};
  QkNormBackward(dq, Part(saved.qkv, 0, width), norm_q_, conditioning.rope,
                 saved.q_stats.rstd, QueryNorm(heads_), Part(buffer, 0, width));
  QkNormBackward(dk, Part(saved.qkv, 1, width), norm_k_, conditioning.rope,
                 saved.k_stats.rstd, KeyNorm(heads_), Part(buffer, 1, width));
  return buffer;
}

at::Tensor SelfAttention::Backward(const at::Tensor& d,
                                   const Modulation& modulation,
                                   const Conditioning& conditioning,
                                   SelfAttentionSaved saved, bool need_dx) {
  const at::Tensor x = saved.x;
  RestoreProjection(modulation, &saved);
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
