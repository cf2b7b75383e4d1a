#include "stage/train/training_source.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>

#include <optional>
#include <utility>

#include "common/base/status.h"
#include "common/jobs/random_sample.h"
#include "common/model/model_spec.h"
#include "stage/kernels/torch_guard.h"
#include "stage/train/philox.h"

namespace halfpipe {
namespace {

at::Tensor NormalTensor(RandomStream stream, at::IntArrayRef shape) {
  at::Tensor tensor = at::empty(shape, at::kFloat);
  stream.FillNormal(tensor.mutable_data_ptr<float>(),
                    static_cast<size_t>(tensor.numel()));
  return tensor;
}

}  // namespace

TrainingSource::TrainingSource(TrainingSourceOptions options,
                               FlowMatchSchedule schedule)
    : options_(std::move(options)), schedule_(std::move(schedule)) {}

absl::StatusOr<LatentSample> TrainingSource::LoadLatents(
    const std::string& path) const {
  if (!IsRandomSampleName(path)) {
    return ReadLatentSample(path);
  }
  LatentSample sample;
  sample.latents = NormalTensor(
      RandomStream::ForName(options_.seed, path, RandomPurpose::kSyntheticData),
      options_.random_latents_shape);
  if (!options_.random_y_shape.empty()) {
    sample.y = NormalTensor(
        RandomStream::ForName(options_.seed, absl::StrCat(path, ".y"),
                              RandomPurpose::kSyntheticData),
        options_.random_y_shape);
  }
  return sample;
}

absl::StatusOr<at::Tensor> TrainingSource::LoadContext(const std::string& path,
                                                       bool dropped) const {
  if (dropped) return ReadContext(options_.empty_context_path);
  if (!IsRandomSampleName(path)) return ReadContext(path);
  return NormalTensor(
      RandomStream::ForName(options_.seed, absl::StrCat(path, ".context"),
                            RandomPurpose::kSyntheticData),
      {1, kTextTokens, options_.random_text_dim});
}

absl::StatusOr<MicrobatchData> TrainingSource::Load(const StepPlan& plan,
                                                    Microbatch microbatch) {
  const auto index = static_cast<size_t>(microbatch.value());
  HP_CHECK(index < plan.microbatches.size());
  const MicrobatchPlan& sample_plan = plan.microbatches[index];
  auto stream = [&](RandomPurpose purpose) {
    return RandomStream(options_.seed, plan.step.value(), microbatch.value(),
                        purpose);
  };
  const std::optional<FixedDraw>& fixed = sample_plan.fixed;
  return TorchGuard("load sample", [&]() -> absl::StatusOr<MicrobatchData> {
    const bool dropped = !fixed.has_value() && options_.caption_dropout > 0.0 &&
                         stream(RandomPurpose::kCaptionDropout).NextUniform() <
                             options_.caption_dropout;
    HP_ASSIGN_OR_RETURN(LatentSample sample,
                        LoadLatents(sample_plan.latents_path));
    MicrobatchData data;
    HP_ASSIGN_OR_RETURN(data.inputs.context,
                        LoadContext(sample_plan.context_path, dropped));
    const FlowTimestep& t = schedule_.At(
        fixed.has_value() ? static_cast<float>(fixed->place)
                          : stream(RandomPurpose::kTimestep).NextUniform());
    data.latents = sample.latents;
    data.noise = NormalTensor(
        fixed.has_value()
            ? RandomStream::ForName(options_.evaluation_seed, fixed->noise_name,
                                    RandomPurpose::kEvaluationNoise)
            : stream(RandomPurpose::kNoise),
        sample.latents.sizes());
    data.inputs.latents =
        sample.latents * (1.0F - t.sigma) + data.noise * t.sigma;
    if (options_.first_frame_given) {
      data.inputs.first_frame_given = true;
      data.inputs.latents.narrow(2, 0, 1).copy_(sample.latents.narrow(2, 0, 1));
      data.given_frames = 1;
    }
    data.inputs.timestep = at::full({1}, t.timestep, at::kFloat);
    data.inputs.y = sample.y;
    for (const auto& [name, shape] : options_.random_extra) {
      data.inputs.extra[name] = NormalTensor(
          RandomStream::ForName(
              options_.seed, absl::StrCat(sample_plan.latents_path, ".", name),
              RandomPurpose::kSyntheticData),
          shape);
    }
    data.inputs.clip_feature = sample.clip_feature;
    data.target = data.noise - sample.latents;
    data.loss_weight = t.weight;
    data.gradient_share = 1.0 / static_cast<double>(plan.microbatches.size());
    return data;
  });
}

}  // namespace halfpipe
