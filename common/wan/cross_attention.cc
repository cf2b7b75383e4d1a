#include "common/wan/cross_attention.h"

#include <ATen/TensorOperators.h>

#include <utility>

#include "common/base/status.h"

namespace halfpipe {

void ContextAttentionSaved::AppendFields(const std::string& prefix,
                                         SavedFields* fields) {
  k.AppendFields(prefix + ".k", fields);
  fields->push_back({prefix + ".v.adapted", &v_adapted});
  fields->push_back({prefix + ".v.heads", &v});
  fields->push_back({prefix + ".out", &attention.out});
  fields->push_back({prefix + ".logsumexp", &attention.logsumexp});
  fields->push_back({prefix + ".philox_seed", &attention.philox_seed});
  fields->push_back({prefix + ".philox_offset", &attention.philox_offset});
}

absl::StatusOr<ContextAttention> ContextAttention::Load(
    const LayerLoader& loader, const std::string& prefix,
    const std::string& suffix, AttentionBackend backend) {
  ContextAttention layer;
  layer.heads_ = loader.architecture().heads;
  layer.backend_ = backend;
  HP_ASSIGN_OR_RETURN(layer.k_,
                      NormedProjection::Load(loader, prefix + "k" + suffix,
                                             prefix + "norm_k" + suffix,
                                             NormedProjection::Role::kKey));
  HP_ASSIGN_OR_RETURN(layer.v_, loader.Adapted(prefix + "v" + suffix));
  return layer;
}

at::Tensor ContextAttention::Forward(const at::Tensor& q,
                                     const at::Tensor& context,
                                     ContextAttentionSaved* saved) const {
  at::Tensor k = k_.Forward(context, /*rope=*/{}, &saved->k);
  saved->v = SplitHeads(v_.Forward(context, &saved->v_adapted), heads_);
  return Attention(q, k, saved->v, backend_, &saved->attention);
}

at::Tensor ContextAttention::Backward(const at::Tensor& dout,
                                      const at::Tensor& q,
                                      const at::Tensor& context,
                                      const ContextAttentionSaved& saved) {
  AttentionGrads grads = AttentionBackward(dout, q, saved.k.heads, saved.v,
                                           saved.attention, backend_);
  k_.Backward(grads.dk, context, /*rope=*/{}, saved.k, /*need_dx=*/false);
  v_.Backward(MergeHeads(grads.dv), context, saved.v_adapted,
              /*need_dx=*/false);
  return grads.dq;
}

void CrossAttentionSaved::AppendFields(SavedFields* fields) {
  fields->push_back({"cross_attn.x", &x});
  fields->push_back({"cross_attn.mean", &stats.mean});
  fields->push_back({"cross_attn.rstd", &stats.rstd});
  fields->push_back({"cross_attn.normed", &normed});
  q.AppendFields("cross_attn.q", fields);
  text.AppendFields("cross_attn.text", fields);
  image.AppendFields("cross_attn.image", fields);
  fields->push_back({"cross_attn.o.adapted", &o_adapted});
}

absl::StatusOr<CrossAttention> CrossAttention::Load(const LayerLoader& loader,
                                                    const std::string& block,
                                                    AttentionBackend backend) {
  const std::string prefix = block + "cross_attn.";
  CrossAttention layer;
  layer.heads_ = loader.architecture().heads;
  HP_ASSIGN_OR_RETURN(layer.norm_, loader.Norm(block + "norm3"));
  HP_ASSIGN_OR_RETURN(
      layer.q_, NormedProjection::Load(loader, prefix + "q", prefix + "norm_q",
                                       NormedProjection::Role::kQuery));
  HP_ASSIGN_OR_RETURN(layer.text_,
                      ContextAttention::Load(loader, prefix, "", backend));
  HP_ASSIGN_OR_RETURN(layer.o_, loader.Adapted(prefix + "o"));
  if (loader.architecture().has_image_branch()) {
    HP_ASSIGN_OR_RETURN(
        layer.image_, ContextAttention::Load(loader, prefix, "_img", backend));
  }
  return layer;
}

at::Tensor CrossAttention::Mixed(const CrossAttentionSaved& saved) const {
  const at::Tensor& text = saved.text.attention.out;
  if (!image_.has_value()) return MergeHeads(text);
  return MergeHeads(text + saved.image.attention.out);
}

at::Tensor CrossAttention::Forward(const at::Tensor& x,
                                   const Conditioning& conditioning,
                                   CrossAttentionSaved* saved) const {
  saved->x = x;
  saved->normed =
      AffineLayerNorm(x, norm_.weight, norm_.bias, kWanEps, &saved->stats);
  at::Tensor q = q_.Forward(saved->normed, /*rope=*/{}, &saved->q);
  text_.Forward(q, conditioning.TextContext(), &saved->text);
  if (image_.has_value()) {
    image_->Forward(q, conditioning.ImageContext(), &saved->image);
  }
  return x + o_.Forward(Mixed(*saved), &saved->o_adapted);
}

at::Tensor CrossAttention::Backward(const at::Tensor& d,
                                    const Conditioning& conditioning,
                                    const CrossAttentionSaved& saved) {
  at::Tensor dmixed = SplitHeads(
      o_.Backward(d, Mixed(saved), saved.o_adapted, /*need_dx=*/true), heads_);
  at::Tensor dq = text_.Backward(dmixed, saved.q.heads,
                                 conditioning.TextContext(), saved.text);
  if (image_.has_value()) {
    dq.add_(image_->Backward(dmixed, saved.q.heads, conditioning.ImageContext(),
                             saved.image));
  }
  at::Tensor dnormed =
      q_.Backward(dq, saved.normed, /*rope=*/{}, saved.q, /*need_dx=*/true);
  return d +
         AffineLayerNormBackward(dnormed, saved.x, norm_.weight, saved.stats);
}

void CrossAttention::AppendAdapters(std::vector<LoraAdapter*>* adapters) const {
  AppendAdapter(q_.adapter(), adapters);
  AppendAdapter(text_.k_adapter(), adapters);
  AppendAdapter(text_.v_adapter(), adapters);
  AppendAdapter(o_.adapter(), adapters);
  if (!image_.has_value()) return;
  AppendAdapter(image_->k_adapter(), adapters);
  AppendAdapter(image_->v_adapter(), adapters);
}

}  // namespace halfpipe
