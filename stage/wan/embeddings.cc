#include "stage/wan/embeddings.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/silu.h>

#include <set>
#include <string>

#include "common/base/status.h"
#include "stage/kernels/norm.h"
#include "stage/kernels/residual.h"
#include "stage/kernels/tensor_bridge.h"
#include "stage/wan/patches.h"

namespace halfpipe {
namespace {

absl::Status CheckRank(absl::string_view name, const at::Tensor& tensor,
                       int64_t rank) {
  if (tensor.defined() && tensor.dim() == rank) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      name, ": expected a tensor with ", rank, " sizes, found ",
      tensor.defined() ? ShapeString(ShapeOf(tensor)) : "no tensor"));
}

absl::Status CheckAbsent(absl::string_view name, const at::Tensor& tensor,
                         const ModelSpec& wan) {
  if (!tensor.defined()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(name, ": this model (", wan.Description(),
                   ") does not take it, found ", ShapeString(ShapeOf(tensor))));
}

absl::Status CheckExtraInputs(const ModelSpec& wan,
                              const MicrobatchInputs& inputs,
                              const MicrobatchShape& shape,
                              const TokenCounts& counts) {
  std::set<std::string> known;
  for (const ModelInput& input : wan.extra_inputs) {
    known.insert(input.name);
    const auto found = inputs.extra.find(input.name);
    HP_RETURN_IF_ERROR(CheckShape(
        input.name, found == inputs.extra.end() ? at::Tensor() : found->second,
        ShapeIn(input.shape, shape, counts)));
  }
  for (const auto& [name, tensor] : inputs.extra) {
    if (known.contains(name)) continue;
    HP_RETURN_IF_ERROR(CheckAbsent(name, tensor, wan));
  }
  return absl::OkStatus();
}

at::Tensor Timesteps(const MicrobatchInputs& inputs, int64_t frames) {
  at::Tensor timesteps = inputs.timestep.to(at::kFloat).unsqueeze(1);
  if (!inputs.first_frame_given) return timesteps;
  timesteps = timesteps.repeat({1, frames});
  timesteps.select(1, 0).zero_();
  return timesteps;
}

}  // namespace

absl::StatusOr<MicrobatchShape> ShapeOfInputs(const ModelSpec& wan,
                                              const MicrobatchInputs& inputs) {
  HP_RETURN_IF_ERROR(CheckRank("latents", inputs.latents, 5));
  HP_RETURN_IF_ERROR(CheckRank("context", inputs.context, 3));
  Shape latents = ShapeOf(inputs.latents);
  MicrobatchShape shape;
  shape.batch = latents[0];
  shape.frames = latents[2];
  shape.rows = latents[3];
  shape.columns = latents[4];
  shape.text_tokens = inputs.context.size(1);
  shape.first_frame_given = inputs.first_frame_given;
  latents[1] = wan.out_channels;
  HP_RETURN_IF_ERROR(CheckShape("latents", inputs.latents, latents));
  HP_RETURN_IF_ERROR(CheckShape("timestep", inputs.timestep, {shape.batch}));
  HP_RETURN_IF_ERROR(
      CheckShape("context", inputs.context,
                 {shape.batch, shape.text_tokens, wan.text_dim}));
  if (wan.condition_channels() > 0) {
    latents[1] = wan.condition_channels();
    HP_RETURN_IF_ERROR(CheckShape("y", inputs.y, latents));
  } else {
    HP_RETURN_IF_ERROR(CheckAbsent("y", inputs.y, wan));
  }
  if (wan.has_image_branch()) {
    HP_RETURN_IF_ERROR(CheckRank("clip_feature", inputs.clip_feature, 3));
    shape.image_tokens = inputs.clip_feature.size(1);
    HP_RETURN_IF_ERROR(
        CheckShape("clip_feature", inputs.clip_feature,
                   {shape.batch, shape.image_tokens, wan.image_dim}));
  } else {
    HP_RETURN_IF_ERROR(CheckAbsent("clip_feature", inputs.clip_feature, wan));
  }
  HP_ASSIGN_OR_RETURN(const TokenCounts counts, CountTokens(wan, shape));
  HP_RETURN_IF_ERROR(CheckExtraInputs(wan, inputs, shape, counts));
  return shape;
}

at::Tensor TimestepSinusoid(const at::Tensor& timesteps, int64_t width) {
  const int64_t half = width / 2;
  at::Tensor exponent = at::arange(half, timesteps.options().dtype(at::kDouble))
                            .div_(static_cast<double>(-half));
  at::Tensor angles =
      timesteps.to(at::kDouble).unsqueeze(-1) * at::pow(10000.0, exponent);
  return at::cat({angles.cos(), angles.sin()}, -1).to(at::kFloat);
}

absl::StatusOr<Embeddings> Embeddings::Load(const LayerLoader& loader) {
  Embeddings layer;
  layer.model_spec_ = loader.spec();
  layer.placement_ = loader.placement();
  HP_ASSIGN_OR_RETURN(layer.patch_, loader.Frozen("patch_embedding"));
  layer.patch_.weight = layer.patch_.weight.flatten(1);
  HP_ASSIGN_OR_RETURN(layer.text_inner_, loader.Frozen("text_embedding.0"));
  HP_ASSIGN_OR_RETURN(layer.text_outer_, loader.Frozen("text_embedding.2"));
  HP_ASSIGN_OR_RETURN(layer.time_inner_, loader.Frozen("time_embedding.0"));
  HP_ASSIGN_OR_RETURN(layer.time_outer_, loader.Frozen("time_embedding.2"));
  HP_ASSIGN_OR_RETURN(layer.time_projection_,
                      loader.Frozen("time_projection.1"));
  if (layer.model_spec_.has_image_branch()) {
    HP_RETURN_IF_ERROR(layer.LoadImage(loader));
  }
  if (!layer.model_spec_.extra_split.empty()) {
    HP_ASSIGN_OR_RETURN(layer.variant_, LoadVariantEmbedding(loader));
  }
  return layer;
}

absl::Status Embeddings::LoadImage(const LayerLoader& loader) {
  ImageEmbedding image;
  HP_ASSIGN_OR_RETURN(image.first_norm, loader.Norm("img_emb.proj.0"));
  HP_ASSIGN_OR_RETURN(image.inner, loader.Frozen("img_emb.proj.1"));
  HP_ASSIGN_OR_RETURN(image.outer, loader.Frozen("img_emb.proj.3"));
  HP_ASSIGN_OR_RETURN(image.last_norm, loader.Norm("img_emb.proj.4"));
  if (model_spec_.image_positions > 0) {
    HP_ASSIGN_OR_RETURN(image.positions, loader.Float("img_emb.emb_pos"));
  }
  image_ = image;
  return absl::OkStatus();
}

at::Tensor Embeddings::EmbedPatches(const MicrobatchInputs& inputs) const {
  const auto options =
      at::TensorOptions().device(placement_.device).dtype(at::kFloat);
  at::Tensor latents = inputs.latents.to(options);
  if (inputs.y.defined()) {
    latents = at::cat({latents, inputs.y.to(options)}, 1);
  }
  return Linear(UnfoldPatches(latents, model_spec_), patch_);
}

at::Tensor Embeddings::EmbedText(const at::Tensor& context) const {
  at::Tensor x = context.to(placement_.device, at::kFloat);
  return Linear(GeluTanh(Linear(x, text_inner_)), text_outer_);
}

at::Tensor Embeddings::EmbedImage(const at::Tensor& clip_feature) const {
  at::Tensor x = clip_feature.to(placement_.device, at::kFloat);
  if (image_->positions.defined()) x = x + image_->positions;
  LayerNormStats unused;
  x = AffineLayerNorm(x, image_->first_norm.weight, image_->first_norm.bias,
                      kImageEmbeddingEps, &unused);
  // This activation is the exact GELU, unlike the text's.
  x = Linear(at::gelu(Linear(x, image_->inner), "none"), image_->outer);
  return AffineLayerNorm(x, image_->last_norm.weight, image_->last_norm.bias,
                         kImageEmbeddingEps, &unused);
}

at::Tensor Embeddings::EmbedTime(const at::Tensor& timesteps) const {
  at::Tensor x =
      TimestepSinusoid(timesteps.to(placement_.device), model_spec_.freq_dim);
  return Linear(at::silu(Linear(x, time_inner_)), time_outer_);
}

Embedded Embeddings::Forward(const MicrobatchInputs& inputs) const {
  const at::Tensor& latents = inputs.latents;
  Embedded result;
  Conditioning& conditioning = result.conditioning;
  conditioning.grid = {latents.size(2) / model_spec_.patch_frames,
                       latents.size(3) / model_spec_.patch_rows,
                       latents.size(4) / model_spec_.patch_columns};
  result.x = EmbedPatches(inputs).to(placement_.compute);
  result.time = EmbedTime(Timesteps(inputs, conditioning.grid.frames));
  at::Tensor rows = Linear(at::silu(result.time), time_projection_);
  conditioning.t_mod =
      rows.view({rows.size(0), rows.size(1), 6, model_spec_.dim});
  conditioning.context = EmbedText(inputs.context);
  if (image_.has_value()) {
    at::Tensor image = EmbedImage(inputs.clip_feature);
    conditioning.image_tokens = image.size(1);
    conditioning.context = at::cat({image, conditioning.context}, 1);
  }
  conditioning.context = conditioning.context.to(placement_.compute);
  if (variant_ != nullptr) variant_->Forward(inputs, &conditioning);
  return result;
}

}  // namespace halfpipe
