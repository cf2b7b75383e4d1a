#include "stage/wan/cross_attention.h"

#include <ATen/TensorOperators.h>

#include "common/base/status.h"
#include "stage/kernels/qk_norm.h"
#include "stage/wan/heads.h"

namespace halfpipe {

absl::StatusOr<ContextAttention> ContextAttention::Load(
    const LayerLoader& loader, const std::string& prefix,
    const std::string& suffix, AttentionBackend backend) {
  ContextAttention layer;
  layer.heads_ = loader.spec().heads;
  layer.backend_ = backend;
  HP_ASSIGN_OR_RETURN(layer.kv_, loader.Adapted({prefix + "k" + suffix,
                                                 prefix + "v" + suffix}));
  HP_ASSIGN_OR_RETURN(layer.norm_k_,
                      loader.Float(prefix + "norm_k" + suffix + ".weight"));
  return layer;
}

ContextAttention::KeysAndValues ContextAttention::Project(
    const at::Tensor& context) const {
  const int64_t width = kv_.out() / 2;
  KeysAndValues kv;
  kv.input = kv_.InputBuffer(context.size(0), context.size(1));
  kv_.InputColumns(kv.input).copy_(context);
  kv.linear = kv_.Forward(kv.input);
  kv.k = QkNorm(kv.linear.narrow(-1, 0, width), norm_k_, /*rope=*/{},
                KeyNorm(heads_), &kv.stats);
  kv.v = SplitHeads(kv.linear.narrow(-1, width, width), heads_);
  return kv;
}

void ContextAttention::Forward(const at::Tensor& q, const at::Tensor& context,
                               AttentionSaved* saved) const {
  const KeysAndValues kv = Project(context);
  Attention(q, kv.k, kv.v, backend_, saved);
}

at::Tensor ContextAttention::Backward(const at::Tensor& dout,
                                      const at::Tensor& q,
                                      const at::Tensor& context,
                                      const AttentionSaved& saved) {
  const int64_t width = kv_.out() / 2;
  const KeysAndValues kv = Project(context);
  AttentionGrads grads =
      AttentionBackward(dout, q, kv.k, kv.v, saved, backend_);
  at::Tensor buffer = kv_.GradientBuffer(context.size(0), context.size(1));
  QkNormBackward(grads.dk, kv.linear.narrow(-1, 0, width), norm_k_,
                 /*rope=*/{}, kv.stats.rstd, KeyNorm(heads_),
                 buffer.narrow(-1, 0, width));
  buffer.narrow(-1, width, width).copy_(MergeHeads(grads.dv));
  kv_.Backward(buffer, kv.input, /*need_dx=*/false);
  return grads.dq;
}

void ContextAttention::AppendAdapters(
    std::vector<LoraAdapter*>* adapters) const {
  kv_.AppendAdapters(adapters);
}

void CrossAttentionSaved::AppendFields(SavedFields* fields) {
  fields->push_back({SavedGroup::kCrossInput, &x});
  fields->push_back({SavedGroup::kCrossQ, &q});
  halfpipe::AppendFields(SavedGroup::kCrossOut, &text, fields);
  halfpipe::AppendFields(SavedGroup::kCrossOut, &image, fields);
}

absl::StatusOr<CrossAttention> CrossAttention::Load(const LayerLoader& loader,
                                                    const std::string& block,
                                                    AttentionBackend backend) {
  const std::string prefix = block + "cross_attn.";
  CrossAttention layer;
  layer.heads_ = loader.spec().heads;
  HP_ASSIGN_OR_RETURN(layer.norm_, loader.Norm(block + "norm3"));
  HP_ASSIGN_OR_RETURN(layer.q_, loader.Adapted({prefix + "q"}));
  HP_ASSIGN_OR_RETURN(layer.norm_q_, loader.Float(prefix + "norm_q.weight"));
  HP_ASSIGN_OR_RETURN(layer.text_,
                      ContextAttention::Load(loader, prefix, "", backend));
  HP_ASSIGN_OR_RETURN(layer.o_, loader.Adapted({prefix + "o"}));
  if (loader.spec().has_image_branch()) {
    HP_ASSIGN_OR_RETURN(
        layer.image_, ContextAttention::Load(loader, prefix, "_img", backend));
  }
  return layer;
}

at::Tensor CrossAttention::Normed(const at::Tensor& x,
                                  LayerNormStats* stats) const {
  at::Tensor buffer = q_.InputBuffer(x.size(0), x.size(1));
  AffineLayerNorm(x, norm_.weight, norm_.bias, kWanEps, stats,
                  q_.InputColumns(buffer));
  return buffer;
}

at::Tensor CrossAttention::Mixed(const CrossAttentionSaved& saved) const {
  if (!image_.has_value()) return MergeHeads(saved.text.out);
  return MergeHeads(saved.text.out + saved.image.out);
}

void CrossAttention::RestoreQuery(CrossAttentionSaved* saved) const {
  if (saved->q.defined()) return;
  LayerNormStats stats;
  saved->q = q_.Forward(Normed(saved->x, &stats));
}

void CrossAttention::Restore(const Conditioning& conditioning,
                             CrossAttentionSaved* saved) const {
  if (saved->text.out.defined()) return;
  RestoreQuery(saved);
  QkNormStats stats;
  const at::Tensor q =
      QkNorm(saved->q, norm_q_, /*rope=*/{}, QueryNorm(heads_), &stats);
  text_.Forward(q, conditioning.TextContext(), &saved->text);
  if (image_.has_value()) {
    image_->Forward(q, conditioning.ImageContext(), &saved->image);
  }
}

at::Tensor CrossAttention::Output(const CrossAttentionSaved& saved) const {
  return o_.Forward(Mixed(saved)).add_(saved.x);
}

at::Tensor CrossAttention::QueryGradient(const at::Tensor& dmixed,
                                         const Conditioning& conditioning,
                                         const CrossAttentionSaved& saved) {
  QkNormStats stats;
  const at::Tensor q =
      QkNorm(saved.q, norm_q_, /*rope=*/{}, QueryNorm(heads_), &stats);
  at::Tensor dq =
      text_.Backward(dmixed, q, conditioning.TextContext(), saved.text);
  if (image_.has_value()) {
    dq.add_(
        image_->Backward(dmixed, q, conditioning.ImageContext(), saved.image));
  }
  at::Tensor buffer = q_.GradientBuffer(dq.size(0), dq.size(1));
  QkNormBackward(dq, saved.q, norm_q_, /*rope=*/{}, stats.rstd,
                 QueryNorm(heads_), q_.GradientColumns(buffer));
  return buffer;
}

at::Tensor CrossAttention::Backward(const at::Tensor& d,
                                    const Conditioning& conditioning,
                                    CrossAttentionSaved saved) {
  const at::Tensor x = saved.x;
  RestoreQuery(&saved);
  at::Tensor dmixed =
      SplitHeads(o_.Backward(d, Mixed(saved), /*need_dx=*/true), heads_);
  at::Tensor dq = QueryGradient(dmixed, conditioning, saved);
  saved = {};
  dmixed.reset();
  LayerNormStats stats;
  at::Tensor normed = Normed(x, &stats);
  at::Tensor dnormed = q_.Backward(dq, normed, /*need_dx=*/true);
  return AffineLayerNormBackward(dnormed, x, norm_.weight, stats,
                                 /*residual=*/d);
}

void CrossAttention::AppendAdapters(std::vector<LoraAdapter*>* adapters) const {
  q_.AppendAdapters(adapters);
  text_.AppendAdapters(adapters);
  o_.AppendAdapters(adapters);
  if (image_.has_value()) image_->AppendAdapters(adapters);
}

}  // namespace halfpipe
