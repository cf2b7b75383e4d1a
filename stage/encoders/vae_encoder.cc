#include "stage/encoders/vae_encoder.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/silu.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace halfpipe {

absl::StatusOr<VaeEncoder::Stage> VaeEncoder::LoadStage(
    const WeightLoader& weights, const std::string& prefix, int64_t in) {
  Stage stage;
  stage.out_channels = in;
  for (int64_t index = 0;; ++index) {
    const std::string name = absl::StrCat(prefix, index);
    if (!weights.HasPrefix(name + ".")) {
      HP_RETURN_IF_ERROR(weights.CheckLayersEnd(prefix, index));
      return stage;
    }
    if (weights.Has(name + ".resample.1.weight")) {
      HP_ASSIGN_OR_RETURN(
          VaeDownsample layer,
          VaeDownsample::Load(weights, name, stage.out_channels));
      stage.factor_s *= 2;
      if (layer.halves_time()) stage.factor_t *= 2;
      stage.layers.emplace_back(std::move(layer));
    } else {
      HP_ASSIGN_OR_RETURN(
          VaeResidualBlock layer,
          VaeResidualBlock::Load(weights, name, stage.out_channels));
      stage.out_channels = layer.out_channels();
      stage.layers.emplace_back(std::move(layer));
    }
  }
}

absl::Status VaeEncoder::AddStage(absl::StatusOr<Stage> stage) {
  HP_RETURN_IF_ERROR(stage.status());
  time_factor_ *= stage->factor_t;
  space_factor_ *= stage->factor_s;
  stages_.push_back(*std::move(stage));
  return absl::OkStatus();
}

absl::StatusOr<VaeEncoder> VaeEncoder::Load(const WeightLoader& weights) {
  const std::string prefix = "encoder.downsamples.";
  VaeEncoder net;
  HP_ASSIGN_OR_RETURN(
      net.first_, CausalConv3d::Load(weights, "encoder.conv1", kAnySize, 3));
  int64_t width = net.first_.out_channels();
  if (weights.HasPrefix(prefix + "0.downsamples.")) {  // Wan 2.2
    int64_t s = 0;
    for (; weights.HasPrefix(absl::StrCat(prefix, s, ".")); ++s) {
      absl::StatusOr<Stage> stage =
          LoadStage(weights, absl::StrCat(prefix, s, ".downsamples."), width);
      if (stage.ok()) stage->shortcut = true;
      HP_RETURN_IF_ERROR(net.AddStage(std::move(stage)));
      const Stage& added = net.stages_.back();
      const int64_t folded =
          width * added.factor_t * added.factor_s * added.factor_s;
      if (folded % added.out_channels != 0) {
        return absl::InvalidArgumentError(absl::StrCat(
            "'", prefix, s, "' turns ", width, " channels into ",
            added.out_channels, ", which the averaging shortcut cannot"));
      }
      width = added.out_channels;
    }
    HP_RETURN_IF_ERROR(weights.CheckLayersEnd(prefix, s));
  } else {
    HP_RETURN_IF_ERROR(net.AddStage(LoadStage(weights, prefix, width)));
    width = net.stages_.back().out_channels;
  }
  HP_ASSIGN_OR_RETURN(
      net.middle0_, VaeResidualBlock::Load(weights, "encoder.middle.0", width));
  HP_ASSIGN_OR_RETURN(net.attention_,
                      VaeAttention::Load(weights, "encoder.middle.1", width));
  HP_ASSIGN_OR_RETURN(
      net.middle2_, VaeResidualBlock::Load(weights, "encoder.middle.2", width));
  HP_ASSIGN_OR_RETURN(net.head_gamma_,
                      weights.Load("encoder.head.0.gamma", {width, 1, 1, 1}));
  HP_ASSIGN_OR_RETURN(net.head_,
                      CausalConv3d::Load(weights, "encoder.head.2", width, 3));
  HP_ASSIGN_OR_RETURN(
      net.last_,
      CausalConv3d::Load(weights, "conv1", net.head_.out_channels(), 1));
  return net;
}

at::Tensor VaeEncoder::Forward(const at::Tensor& x, FeatureCache& cache) const {
  at::Tensor hidden = first_.Forward(x, cache);
  for (const Stage& stage : stages_) {
    const at::Tensor input = hidden;
    for (const Layer& layer : stage.layers) {
      hidden = std::visit(
          [&](const auto& typed) { return typed.Forward(hidden, cache); },
          layer);
    }
    if (stage.shortcut) {
      hidden = hidden + AverageDown(input, stage.out_channels, stage.factor_t,
                                    stage.factor_s);
    }
  }
  hidden = middle0_.Forward(hidden, cache);
  hidden = attention_.Forward(hidden);
  hidden = middle2_.Forward(hidden, cache);
  hidden = head_.Forward(at::silu(ChannelRmsNorm(hidden, head_gamma_)), cache);
  return last_.Forward(hidden, cache);
}

}  // namespace halfpipe
