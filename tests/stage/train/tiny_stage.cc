#include "stage/train/tiny_stage.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <limits>
#include <thread>

#include "common/model/published_sizes.h"
#include "common/pipeline/evaluation.h"
#include "stage/runtime/stage_runner.h"
#include "stage/train/philox.h"
#include "stage/wan/load_stage_model.h"
#include "stage/wan/lora_targets.h"
#include "support/loopback_peer_link.h"

namespace halfpipe {
namespace {

constexpr uint64_t kSeed = 5;

ModelSpec TinyArchitecture() {
  ModelSpec model_spec = TinyWan();
  model_spec.layers = kTinyLayers;
  return model_spec;
}

void FillUniform(absl::string_view name, float spread, at::Tensor out) {
  RandomStream::ForName(kSeed, name, RandomPurpose::kLoraInit)
      .FillUniform(out.mutable_data_ptr<float>(),
                   static_cast<size_t>(out.numel()), -spread, spread);
}

at::Tensor Normal(int64_t position, RandomPurpose purpose,
                  at::IntArrayRef shape) {
  at::Tensor tensor = at::empty(shape, at::kFloat);
  RandomStream(kSeed, position, 0, purpose)
      .FillNormal(tensor.mutable_data_ptr<float>(),
                  static_cast<size_t>(tensor.numel()));
  return tensor;
}

LoraSpec TinyLora() { return {.rank = 2, .alpha = 4.0}; }

std::vector<SegmentContent> SegmentsOf(const TinyStageOptions& options) {
  return MakeSegments(kTinyLayers, options.split, options.world,
                      options.chunks);
}

std::unique_ptr<StageModel> MakePart(const TinyStageOptions& options) {
  StageModelOptions part;
  part.embeddings = part.head = options.rank == Rank(0);
  part.blocks = BlocksOf(SegmentsOf(options), options.rank);
  part.plan = ActivationPlan::Uniform(ActivationPolicy::kRecompute,
                                      CountBlocks(part.blocks));
  part.lora = TinyLora();
  auto made = LoadStageModel(RandomWeights(TinyArchitecture(), 1), part,
                             [](absl::string_view name, at::Tensor out) {
                               FillUniform(name, 0.5F, out);
                               out.add_(0.5);
                             });
  EXPECT_TRUE(made.ok()) << made.status();
  // With B zero, as training starts, every gradient of A would be zero too.
  for (LoraAdapter* adapter : (*made)->adapters()) {
    FillUniform(adapter->b.name, 0.3F, adapter->b.master);
    adapter->RefreshComputeCopies();
  }
  return *std::move(made);
}

int64_t PositionOf(const StepPlan& plan, Microbatch microbatch) {
  return plan.microbatches[static_cast<size_t>(microbatch.value())]
      .data_position;
}

std::vector<pipeline::Action> ActionsOf(pipeline::ScheduleName name,
                                        const StepPlan& plan, int stages,
                                        size_t rank) {
  const auto count = static_cast<int32_t>(plan.microbatches.size());
  const pipeline::ScheduleOptions options = {
      .name = name, .microbatches = count, .stages = stages};
  auto schedule = plan.evaluation ? pipeline::BuildEvaluation(options, count)
                                  : pipeline::BuildSchedule(options);
  EXPECT_TRUE(schedule.ok()) << schedule.status();
  return schedule->ranks[rank];
}

TensorsByName Union(TensorsByName a, const TensorsByName& b) {
  a.insert(b.begin(), b.end());
  return a;
}

}  // namespace

MicrobatchShape TinySource::ShapeAt(int64_t position) {
  return {.batch = 1,
          .frames = 2 + position % 2,
          .rows = 4,
          .columns = 6,
          .text_tokens = 3};
}

absl::StatusOr<MicrobatchData> TinySource::Load(const StepPlan& plan,
                                                Microbatch microbatch) {
  const int64_t position = PositionOf(plan, microbatch);
  if (position == failing_) {
    return absl::InvalidArgumentError("the sample cannot be loaded");
  }
  const MicrobatchShape shape = ShapeAt(position);
  const Shape latents = {1, 4, shape.frames, shape.rows, shape.columns};
  MicrobatchData data;
  data.inputs.latents = Normal(position, RandomPurpose::kNoise, latents);
  data.inputs.timestep =
      at::full({1}, 100.0 + 50.0 * static_cast<double>(position), at::kFloat);
  data.inputs.context =
      Normal(position, RandomPurpose::kTimestep, {1, shape.text_tokens, 6});
  data.target = Normal(position, RandomPurpose::kSyntheticData, latents);
  if (position == poisoned_) {
    data.target.fill_(std::numeric_limits<float>::quiet_NaN());
  }
  data.loss_weight = loss_weight_;
  data.gradient_share = 1.0 / static_cast<double>(plan.microbatches.size());
  data.given_frames = given_frames_;
  return data;
}

TinyStage::TinyStage(const TinyStageOptions& options) {
  TrainingComputeOptions stage;
  stage.rank = options.rank;
  stage.segments = SegmentsOf(options);
  const auto modules = LoraModules(TinyArchitecture(), TinyLora());
  EXPECT_TRUE(modules.ok()) << modules.status();
  stage.tensor_owners =
      LoraTensorOwners(TinyArchitecture(), stage.segments, *modules);
  stage.max_grad_norm = options.max_grad_norm;
  stage.skip_nonfinite = options.skip_nonfinite;
  stage.shape_of = [](const StepPlan& plan, Microbatch microbatch) {
    return TinySource::ShapeAt(PositionOf(plan, microbatch));
  };
  stage.on_gradients = [this](const StepPlan&,
                              const std::vector<LoraAdapter*>& adapters) {
    gradients_.clear();
    for (const LoraAdapter* adapter : adapters) {
      gradients_[adapter->a.name] = adapter->a.grad.clone();
      gradients_[adapter->b.name] = adapter->b.grad.clone();
    }
    return absl::OkStatus();
  };
  stage.on_loss = [this](const MicrobatchRecord& record) {
    prediction_ = record.prediction.clone();
    return absl::OkStatus();
  };
  MicrobatchSource* source = options.rank == Rank(0) ? &source_ : nullptr;
  compute_ = std::make_unique<TrainingCompute>(std::move(stage),
                                               MakePart(options), source);
}

TensorsByName TinyStage::Masters() {
  TensorsByName masters;
  for (const LoraAdapter* adapter : compute_->model().adapters()) {
    masters[adapter->a.name] = adapter->a.master.clone();
    masters[adapter->b.name] = adapter->b.master.clone();
  }
  return masters;
}

StepPlan TinyPlan(int64_t step, const std::vector<int64_t>& positions) {
  StepPlan plan;
  plan.step = Step(step);
  plan.learning_rate = 1e-2;
  for (int64_t position : positions) {
    plan.microbatches.emplace_back().data_position = position;
  }
  return plan;
}

absl::StatusOr<StepReport> RunAlone(TinyStage* stage, const StepPlan& plan) {
  at::set_num_threads(1);
  StageRunner runner(&stage->compute(), nullptr);
  return runner.RunStep(
      plan, ActionsOf(pipeline::ScheduleName::kOneFOneB, plan, 1, 0), {});
}

PairReports RunPair(TinyStage* first, TinyStage* second, const PairLinks& links,
                    const StepPlan& plan, pipeline::ScheduleName schedule,
                    std::stop_token stop) {
  PairReports reports;
  std::thread peer([&] {
    at::set_num_threads(1);
    StageRunner runner(&second->compute(), links.second.get());
    reports.second =
        runner.RunStep(plan, ActionsOf(schedule, plan, 2, 1), stop);
  });
  at::set_num_threads(1);
  StageRunner runner(&first->compute(), links.first.get());
  reports.first = runner.RunStep(plan, ActionsOf(schedule, plan, 2, 0), stop);
  peer.join();
  return reports;
}

TensorsByName TinyPair::Masters() {
  return Union(first.Masters(), second.Masters());
}

TensorsByName TinyPair::Gradients() const {
  return Union(first.gradients(), second.gradients());
}

TinyRing::TinyRing(int32_t world, int64_t split, double max_grad_norm,
                   int32_t chunks) {
  for (int32_t rank = 0; rank < world; ++rank) {
    stages_.push_back(std::make_unique<TinyStage>(
        TinyStageOptions{world, Rank(rank), split, max_grad_norm, chunks}));
    auto ends = MakeLoopbackPair();
    EXPECT_TRUE(ends.ok()) << ends.status();
    to_next_.push_back(std::move(ends->first));
    to_previous_.push_back(std::move(ends->second));
  }
}

absl::StatusOr<StepReport> TinyRing::RunRank(size_t rank, const StepPlan& plan,
                                             pipeline::ScheduleName schedule) {
  at::set_num_threads(1);
  const size_t world = stages_.size();
  StageRunner runner(&stages_[rank]->compute(),
                     NeighbourLinks::InRing(
                         to_previous_[(rank + world - 1) % world].get(),
                         to_next_[rank].get(), static_cast<int32_t>(world)));
  return runner.RunStep(
      plan, ActionsOf(schedule, plan, static_cast<int>(world), rank), {});
}

std::vector<absl::StatusOr<StepReport>> TinyRing::RunStep(
    const StepPlan& plan, pipeline::ScheduleName schedule) {
  std::vector<absl::StatusOr<StepReport>> reports(stages_.size());
  std::vector<std::thread> threads;
  for (size_t rank = 0; rank < stages_.size(); ++rank) {
    threads.emplace_back(
        [&, rank] { reports[rank] = RunRank(rank, plan, schedule); });
  }
  for (std::thread& thread : threads) thread.join();
  return reports;
}

TensorsByName TinyRing::Masters() {
  TensorsByName masters;
  for (const auto& stage : stages_) {
    masters = Union(std::move(masters), stage->Masters());
  }
  return masters;
}

TensorsByName TinyRing::Gradients() const {
  TensorsByName gradients;
  for (const auto& stage : stages_) {
    gradients = Union(std::move(gradients), stage->gradients());
  }
  return gradients;
}

std::vector<std::string> Differences(const TensorsByName& a,
                                     const TensorsByName& b) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : a) {
    auto it = b.find(name);
    if (it == b.end() || !tensor.equal(it->second)) names.push_back(name);
  }
  for (const auto& [name, tensor] : b) {
    if (a.count(name) == 0) names.push_back(name);
  }
  return names;
}

}  // namespace halfpipe
