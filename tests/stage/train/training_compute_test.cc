// Whole steps of a tiny model on the CPU: one process and two joined by a link
// must give the same bits, and a step that fails must leave no trace.
#include "stage/train/training_compute.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "stage/train/tiny_stage.h"
#include "support/loopback_peer_link.h"

namespace halfpipe {
namespace {

using pipeline::ScheduleName;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::vector<int64_t> kThree = {4, 7, 2};

PairLinks MakeLinks() {
  auto links = MakeLoopbackPair();
  EXPECT_TRUE(links.ok()) << links.status();
  return *std::move(links);
}

// Expects that both stages took the step, and returns rank 0's report.
StepReport Both(const PairReports& reports) {
  EXPECT_TRUE(reports.first.ok()) << reports.first.status();
  EXPECT_TRUE(reports.second.ok()) << reports.second.status();
  if (!reports.first.ok() || !reports.second.ok()) return {};
  EXPECT_EQ(reports.first->grad_norm, reports.second->grad_norm);
  EXPECT_THAT(reports.second->losses, IsEmpty());
  EXPECT_THAT(reports.second->timesteps, IsEmpty());
  return *reports.first;
}

double NormOf(const TensorsByName& tensors) {
  double sum = 0.0;
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor wide = tensor.to(at::kDouble);
    sum += (wide * wide).sum().item<double>();
  }
  return std::sqrt(sum);
}

TEST(TrainingComputeTest, TwoStagesGiveTheBitsOfOne) {
  TinyStage alone({});
  auto expected = RunAlone(&alone, TinyPlan(0, kThree));
  ASSERT_TRUE(expected.ok()) << expected.status();
  EXPECT_EQ(expected->losses.size(), 3u);
  EXPECT_EQ(expected->timesteps, (std::vector<double>{300.0, 450.0, 200.0}));
  EXPECT_GT(expected->data_seconds, 0.0);
  for (const auto& [name, gradient] : alone.gradients()) {
    EXPECT_GT(gradient.abs().max().item<float>(), 0.0F) << name;
  }
  for (int64_t split = 1; split < kTinyLayers; ++split) {
    for (ScheduleName schedule :
         {ScheduleName::kOneFOneB, ScheduleName::kGpipe,
          ScheduleName::kSequential, ScheduleName::kInterleaved}) {
      SCOPED_TRACE(absl::StrCat("split ", split, " ", ToString(schedule)));
      TinyPair pair(split, /*max_grad_norm=*/0.0,
                    pipeline::ChunksOf({.name = schedule}));
      const PairLinks links = MakeLinks();
      const StepReport report = Both(RunPair(&pair.first, &pair.second, links,
                                             TinyPlan(0, kThree), schedule));
      EXPECT_EQ(report.losses, expected->losses);
      EXPECT_EQ(report.timesteps, expected->timesteps);
      EXPECT_EQ(report.grad_norm, expected->grad_norm);
      EXPECT_GT(report.link_bytes_sent, 0);
      EXPECT_THAT(Differences(pair.Gradients(), alone.gradients()), IsEmpty());
      EXPECT_THAT(Differences(pair.Masters(), alone.Masters()), IsEmpty());
    }
  }
}

// Expects that every stage took the step, and returns rank 0's report.
StepReport All(const std::vector<absl::StatusOr<StepReport>>& reports) {
  for (const auto& report : reports) {
    EXPECT_TRUE(report.ok()) << report.status();
    if (!report.ok()) return {};
    EXPECT_EQ(report->grad_norm, reports[0]->grad_norm);
  }
  return *reports[0];
}

TEST(TrainingComputeTest, ThreeAndFourStagesGiveTheBitsOfOne) {
  TinyStage alone({.max_grad_norm = 0.01});
  std::vector<StepReport> expected;
  for (int64_t step = 0; step < 2; ++step) {
    auto report = RunAlone(&alone, TinyPlan(step, kThree));
    ASSERT_TRUE(report.ok()) << report.status();
    expected.push_back(*report);
  }
  for (int32_t world : {3, 4}) {
    for (int64_t split = 1; split + world - 1 <= kTinyLayers; ++split) {
      for (ScheduleName schedule :
           {ScheduleName::kOneFOneB, ScheduleName::kGpipe,
            ScheduleName::kSequential, ScheduleName::kInterleaved}) {
        SCOPED_TRACE(absl::StrCat(world, " stages, split ", split, " ",
                                  ToString(schedule)));
        TinyRing ring(world, split, /*max_grad_norm=*/0.01,
                      pipeline::ChunksOf({.name = schedule, .stages = world}));
        for (size_t step = 0; step < 2; ++step) {
          const StepReport report = All(ring.RunStep(
              TinyPlan(static_cast<int64_t>(step), kThree), schedule));
          EXPECT_EQ(report.losses, expected[step].losses);
          EXPECT_EQ(report.grad_norm, expected[step].grad_norm);
        }
        EXPECT_THAT(Differences(ring.Gradients(), alone.gradients()),
                    IsEmpty());
        EXPECT_THAT(Differences(ring.Masters(), alone.Masters()), IsEmpty());
      }
    }
  }
}

TEST(TrainingComputeTest, GradientsAreTheMeanOverMicrobatches) {
  TinyStage together({});
  ASSERT_TRUE(RunAlone(&together, TinyPlan(0, kThree)).ok());
  TensorsByName mean;
  for (int64_t position : kThree) {
    TinyStage single({});
    ASSERT_TRUE(RunAlone(&single, TinyPlan(0, {position})).ok());
    for (const auto& [name, gradient] : single.gradients()) {
      at::Tensor& sum = mean[name];
      sum = sum.defined() ? sum + gradient / 3.0 : gradient / 3.0;
    }
  }
  ASSERT_EQ(mean.size(), together.gradients().size());
  for (const auto& [name, gradient] : together.gradients()) {
    EXPECT_TRUE(at::allclose(gradient, mean[name], 1e-4, 1e-7)) << name;
  }
}

// The gradient that reaches A and B is the derivative of the reported loss.
TEST(TrainingComputeTest, AGradientIsTheSlopeOfTheLoss) {
  TinyStage stage({});
  ASSERT_TRUE(RunAlone(&stage, TinyPlan(0, {2})).ok());
  const TensorsByName gradients = stage.gradients();
  // Along the gradient the slope of the loss is the gradient's norm.
  const double norm = NormOf(gradients);
  const auto loss_at = [&](double distance) {
    TinyStage moved({});
    for (LoraAdapter* adapter : moved.compute().model().adapters()) {
      for (LoraParameter* p : {&adapter->a, &adapter->b}) {
        p->master.add_(gradients.at(p->name), distance / norm);
      }
      adapter->RefreshComputeCopies();
    }
    auto report = RunAlone(&moved, TinyPlan(0, {2}));
    EXPECT_TRUE(report.ok()) << report.status();
    return report->losses[0];
  };
  const double step = 1e-2;
  const double slope = (loss_at(step) - loss_at(-step)) / (2 * step);
  EXPECT_NEAR(slope / norm, 1.0, 1e-2);
}

TEST(TrainingComputeTest, TheLossIsWeightedAndLeavesGivenFramesOut) {
  TinyStage stage({});
  stage.source().set_loss_weight(0.25);
  stage.source().set_given_frames(1);
  const StepPlan plan = TinyPlan(0, {3});
  auto report = RunAlone(&stage, plan);
  ASSERT_TRUE(report.ok()) << report.status();
  auto data = stage.source().Load(plan, Microbatch(0));
  ASSERT_TRUE(data.ok());
  const at::Tensor difference =
      (stage.prediction() - data->target).narrow(2, 1, 2).to(at::kDouble);
  EXPECT_NEAR(report->losses[0],
              0.25 * (difference * difference).mean().item<double>(), 1e-6);
}

TEST(TrainingComputeTest, BothStagesClipByTheNormOfBoth) {
  TinyStage alone({.max_grad_norm = 0.01});
  TinyStage unclipped({});
  TinyPair pair(1, /*max_grad_norm=*/0.01);
  const PairLinks links = MakeLinks();
  for (int64_t step = 0; step < 2; ++step) {
    const StepPlan plan = TinyPlan(step, kThree);
    ASSERT_TRUE(RunAlone(&alone, plan).ok());
    ASSERT_TRUE(RunAlone(&unclipped, plan).ok());
    const StepReport report =
        Both(RunPair(&pair.first, &pair.second, links, plan));
    const double norm = NormOf(pair.Gradients());
    EXPECT_GT(norm, 0.01);
    EXPECT_NEAR(report.grad_norm / norm, 1.0, 1e-9);
    // Neither half alone has that norm.
    EXPECT_LT(NormOf(pair.first.gradients()), 0.999 * norm);
    EXPECT_LT(NormOf(pair.second.gradients()), 0.999 * norm);
  }
  EXPECT_THAT(Differences(pair.Masters(), alone.Masters()), IsEmpty());
  // AdamW hides a constant factor, but not one that differs between steps.
  EXPECT_FALSE(Differences(pair.Masters(), unclipped.Masters()).empty());
}

// The stages' blocks take turns, and so must their norms in the sum.
TEST(TrainingComputeTest, InterleavedStagesClipByTheNormInBlockOrder) {
  for (int64_t split = 1; split < kTinyLayers; ++split) {
    SCOPED_TRACE(absl::StrCat("split ", split));
    TinyStage alone({.max_grad_norm = 0.01});
    TinyPair pair(split, /*max_grad_norm=*/0.01, /*chunks=*/2);
    const PairLinks links = MakeLinks();
    for (int64_t step = 0; step < 3; ++step) {
      const StepPlan plan = TinyPlan(step, {4, 7, 2, 9, 1});
      auto expected = RunAlone(&alone, plan);
      ASSERT_TRUE(expected.ok()) << expected.status();
      const StepReport report = Both(RunPair(&pair.first, &pair.second, links,
                                             plan, ScheduleName::kInterleaved));
      EXPECT_EQ(report.grad_norm, expected->grad_norm);
      EXPECT_EQ(report.losses, expected->losses);
    }
    EXPECT_THAT(Differences(pair.Masters(), alone.Masters()), IsEmpty());
  }
}

StepPlan Evaluation(int64_t steps_done, const std::vector<int64_t>& positions) {
  StepPlan plan = TinyPlan(steps_done, positions);
  plan.evaluation = true;
  return plan;
}

TensorsByName GradientsOf(StageModel& part) {
  TensorsByName gradients;
  for (const LoraAdapter* adapter : part.adapters()) {
    gradients[adapter->a.name] = adapter->a.grad.clone();
    gradients[adapter->b.name] = adapter->b.grad.clone();
  }
  return gradients;
}

// More micro-batches than a step has, and some twice.
const std::vector<int64_t> kEvaluated = {3, 4, 7, 2, 2, 9, 4, 5};

TEST(TrainingComputeTest, AnEvaluationGivesTheLossesOfAStepAndChangesNothing) {
  TinyStage alone({});
  TinyStage undisturbed({});
  for (int64_t step = 0; step < 3; ++step) {
    ASSERT_TRUE(RunAlone(&undisturbed, TinyPlan(step, kThree)).ok());
    ASSERT_TRUE(RunAlone(&alone, TinyPlan(step, kThree)).ok());
    const TensorsByName masters = alone.Masters();
    const TensorsByName gradients = GradientsOf(alone.compute().model());
    auto first = RunAlone(&alone, Evaluation(step + 1, kEvaluated));
    auto again = RunAlone(&alone, Evaluation(step + 1, kEvaluated));
    ASSERT_TRUE(first.ok()) << first.status();
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(first->losses.size(), kEvaluated.size());
    EXPECT_EQ(first->losses, again->losses);
    EXPECT_EQ(first->timesteps.size(), kEvaluated.size());
    EXPECT_EQ(first->grad_norm, 0.0);
    EXPECT_THAT(Differences(alone.Masters(), masters), IsEmpty());
    EXPECT_THAT(Differences(GradientsOf(alone.compute().model()), gradients),
                IsEmpty());
    EXPECT_EQ(alone.compute().optimizer().steps(), step + 1);
  }
  EXPECT_THAT(Differences(alone.Masters(), undisturbed.Masters()), IsEmpty());
  // The next step's forwards, which save what a backward needs, agree.
  auto evaluated = RunAlone(&alone, Evaluation(3, kThree));
  auto trained = RunAlone(&undisturbed, TinyPlan(3, kThree));
  ASSERT_TRUE(evaluated.ok() && trained.ok());
  EXPECT_EQ(evaluated->losses, trained->losses);
}

TEST(TrainingComputeTest, EveryCutAndScheduleEvaluatesToTheSameBits) {
  TinyStage alone({});
  std::vector<std::vector<double>> expected;
  for (int64_t step = 0; step < 2; ++step) {
    ASSERT_TRUE(RunAlone(&alone, TinyPlan(step, kThree)).ok());
    auto report = RunAlone(&alone, Evaluation(step + 1, kEvaluated));
    ASSERT_TRUE(report.ok()) << report.status();
    expected.push_back(report->losses);
  }
  EXPECT_NE(expected[0], expected[1]);
  for (int32_t chunks : {1, 2}) {
    const auto schedule =
        chunks == 1 ? ScheduleName::kOneFOneB : ScheduleName::kInterleaved;
    for (int64_t split = 1; split < kTinyLayers; ++split) {
      SCOPED_TRACE(absl::StrCat(chunks, " chunks, split ", split));
      TinyPair pair(split, /*max_grad_norm=*/0.0, chunks);
      const PairLinks links = MakeLinks();
      for (size_t step = 0; step < 2; ++step) {
        const auto number = static_cast<int64_t>(step);
        Both(RunPair(&pair.first, &pair.second, links, TinyPlan(number, kThree),
                     schedule));
        const StepReport report =
            Both(RunPair(&pair.first, &pair.second, links,
                         Evaluation(number + 1, kEvaluated), schedule));
        EXPECT_EQ(report.losses, expected[step]);
        EXPECT_EQ(pair.first.compute().model().offloaded_bytes(), 0);
      }
      EXPECT_THAT(Differences(pair.Masters(), alone.Masters()), IsEmpty());
    }
  }
}

TEST(TrainingComputeTest, ThreeAndFourStagesEvaluateToTheSameBits) {
  TinyStage alone({});
  ASSERT_TRUE(RunAlone(&alone, TinyPlan(0, kThree)).ok());
  const auto expected = RunAlone(&alone, Evaluation(1, kEvaluated));
  ASSERT_TRUE(expected.ok()) << expected.status();
  for (int32_t world : {3, 4}) {
    for (int32_t chunks : {1, 2}) {
      SCOPED_TRACE(absl::StrCat(world, " stages, ", chunks, " chunks"));
      const auto schedule =
          chunks == 1 ? ScheduleName::kOneFOneB : ScheduleName::kInterleaved;
      TinyRing ring(world, /*split=*/1, /*max_grad_norm=*/0.0, chunks);
      All(ring.RunStep(TinyPlan(0, kThree), schedule));
      const StepReport report =
          All(ring.RunStep(Evaluation(1, kEvaluated), schedule));
      EXPECT_EQ(report.losses, expected->losses);
      // The next step finds nothing of it.
      All(ring.RunStep(TinyPlan(1, kThree), schedule));
    }
  }
}

TEST(TrainingComputeTest, AnEvaluationThatFailsLeavesNoTrace) {
  TinyStage stage({});
  ASSERT_TRUE(RunAlone(&stage, TinyPlan(0, kThree)).ok());
  stage.source().FailAt(kEvaluated[5]);
  EXPECT_FALSE(RunAlone(&stage, Evaluation(1, kEvaluated)).ok());
  stage.source().FailAt(-1);
  ASSERT_TRUE(RunAlone(&stage, TinyPlan(1, kThree)).ok());
  TinyStage undisturbed({});
  for (int64_t step = 0; step < 2; ++step) {
    ASSERT_TRUE(RunAlone(&undisturbed, TinyPlan(step, kThree)).ok());
  }
  EXPECT_THAT(Differences(stage.Masters(), undisturbed.Masters()), IsEmpty());
}

TEST(TrainingComputeTest, ThePeerSendsANormForEachOfItsTensors) {
  TinyStage first({2, Rank(0), 2, 0.0, 1});
  TrainingCompute& compute = first.compute();
  ASSERT_TRUE(compute.BeginStep(TinyPlan(0, {1})).ok());
  ASSERT_TRUE(compute.GradNormsToSend().ok());
  auto slot = compute.GradNormsToReceive(/*back=*/1);
  ASSERT_TRUE(slot.ok()) << slot.status();
  // Two blocks of ten adapters with two tensors each are the peer's.
  EXPECT_EQ(slot->buffers[0].shape, (Shape{2 * 10 * 2}));
  compute.AbandonStep();

  // Of four stages each has one block, whoever it is.
  TinyStage third({4, Rank(2), 1, 0.0, 1});
  ASSERT_TRUE(third.compute().BeginStep(TinyPlan(0, {1})).ok());
  ASSERT_TRUE(third.compute().GradNormsToSend().ok());
  for (int32_t back : {1, 2, 3}) {
    slot = third.compute().GradNormsToReceive(back);
    ASSERT_TRUE(slot.ok()) << slot.status();
    EXPECT_EQ(slot->buffers[0].shape, (Shape{10 * 2}));
  }
  third.compute().AbandonStep();
}

TEST(TrainingComputeTest, ANonFiniteGradientOfOneChangesNothingOnThreeStages) {
  TinyRing ring(3, /*split=*/2);
  const TensorsByName before = ring.Masters();
  ring.stage(0).source().Poison(kThree[1]);
  for (const auto& report : ring.RunStep(TinyPlan(0, kThree))) {
    EXPECT_TRUE(absl::IsFailedPrecondition(report.status())) << report.status();
  }
  EXPECT_THAT(Differences(ring.Masters(), before), IsEmpty());
  // The same links go on.
  ring.stage(0).source().Poison(-1);
  All(ring.RunStep(TinyPlan(0, kThree)));
}

TEST(TrainingComputeTest, ANonFiniteGradientChangesNothingOnEitherStage) {
  TinyPair pair(2);
  const TensorsByName before = pair.Masters();
  const PairLinks links = MakeLinks();
  pair.first.source().Poison(kThree[1]);
  const PairReports reports =
      RunPair(&pair.first, &pair.second, links, TinyPlan(0, kThree));
  for (const auto* report : {&reports.first, &reports.second}) {
    EXPECT_TRUE(absl::IsFailedPrecondition(report->status()))
        << report->status();
    EXPECT_THAT(std::string(report->status().message()),
                HasSubstr("non-finite"));
  }
  EXPECT_THAT(Differences(pair.Masters(), before), IsEmpty());
  EXPECT_EQ(pair.first.compute().optimizer().steps(), 0);
  EXPECT_EQ(pair.second.compute().optimizer().steps(), 0);

  // The same link goes on, and nothing of the failed step is left.
  pair.first.source().Poison(-1);
  Both(RunPair(&pair.first, &pair.second, links, TinyPlan(0, kThree)));
  TinyStage alone({});
  ASSERT_TRUE(RunAlone(&alone, TinyPlan(0, kThree)).ok());
  EXPECT_THAT(Differences(pair.Masters(), alone.Masters()), IsEmpty());
}

TEST(TrainingComputeTest, AStepAbandonedByHandLeavesNoTrace) {
  TinyStage stage({});
  const TensorsByName before = stage.Masters();
  TrainingCompute& compute = stage.compute();
  ASSERT_TRUE(compute.BeginStep(TinyPlan(0, {1, 6})).ok());
  for (int32_t segment = 0; segment < 3; ++segment) {
    ASSERT_TRUE(compute.Forward(Segment(segment), Microbatch(0)).ok());
  }
  ASSERT_TRUE(compute.Backward(Segment(2), Microbatch(0)).ok());
  ASSERT_TRUE(compute.Backward(Segment(1), Microbatch(0)).ok());
  ASSERT_TRUE(compute.Backward(Segment(0), Microbatch(0)).ok());
  ASSERT_TRUE(compute.Forward(Segment(0), Microbatch(1)).ok());
  compute.AbandonStep();
  EXPECT_THAT(Differences(stage.Masters(), before), IsEmpty());

  auto report = RunAlone(&stage, TinyPlan(0, kThree));
  ASSERT_TRUE(report.ok()) << report.status();
  TinyStage fresh({});
  auto expected = RunAlone(&fresh, TinyPlan(0, kThree));
  ASSERT_TRUE(expected.ok());
  EXPECT_EQ(report->losses, expected->losses);
  EXPECT_THAT(Differences(stage.Masters(), fresh.Masters()), IsEmpty());
}

TEST(TrainingComputeTest, ASkippedStepIsAsIfItHadNotBeen) {
  TinyStage first(
      {.world = 2, .rank = Rank(0), .split = 2, .skip_nonfinite = true});
  TinyStage second(
      {.world = 2, .rank = Rank(1), .split = 2, .skip_nonfinite = true});
  const PairLinks links = MakeLinks();
  first.source().Poison(kThree[1]);
  const PairReports skipped =
      RunPair(&first, &second, links, TinyPlan(0, kThree));
  for (const auto* report : {&skipped.first, &skipped.second}) {
    ASSERT_TRUE(report->ok()) << report->status();
    EXPECT_FALSE(std::isfinite((*report)->grad_norm));
  }
  EXPECT_EQ(first.compute().optimizer().steps(), 0);
  EXPECT_EQ(second.compute().optimizer().steps(), 0);

  first.source().Poison(-1);
  Both(RunPair(&first, &second, links, TinyPlan(1, kThree)));
  TinyStage alone({});
  ASSERT_TRUE(RunAlone(&alone, TinyPlan(1, kThree)).ok());
  TensorsByName masters = first.Masters();
  masters.merge(second.Masters());
  EXPECT_THAT(Differences(masters, alone.Masters()), IsEmpty());
}

// One stage fails in the middle of a step, which aborts the link under the
// other; a new link continues from the same state.
TEST(TrainingComputeTest, AStepThatOneStageLosesIsLostOnBoth) {
  TinyPair pair(2);
  TinyStage alone({});
  PairLinks links = MakeLinks();
  Both(RunPair(&pair.first, &pair.second, links, TinyPlan(0, kThree)));
  ASSERT_TRUE(RunAlone(&alone, TinyPlan(0, kThree)).ok());

  pair.first.source().FailAt(kThree[2]);
  const PairReports lost =
      RunPair(&pair.first, &pair.second, links, TinyPlan(1, kThree));
  EXPECT_TRUE(absl::IsInvalidArgument(lost.first.status()))
      << lost.first.status();
  EXPECT_TRUE(absl::IsAborted(lost.second.status())) << lost.second.status();
  EXPECT_THAT(Differences(pair.Masters(), alone.Masters()), IsEmpty());

  pair.first.source().FailAt(-1);
  links = MakeLinks();
  Both(RunPair(&pair.first, &pair.second, links, TinyPlan(1, kThree)));
  ASSERT_TRUE(RunAlone(&alone, TinyPlan(1, kThree)).ok());
  EXPECT_THAT(Differences(pair.Masters(), alone.Masters()), IsEmpty());
}

TEST(TrainingComputeTest, AStopBeforeTheOptimizerCancelsTheStep) {
  TinyPair pair(2);
  const TensorsByName before = pair.Masters();
  const PairLinks links = MakeLinks();
  std::stop_source stop;
  stop.request_stop();
  const PairReports reports =
      RunPair(&pair.first, &pair.second, links, TinyPlan(0, kThree),
              ScheduleName::kOneFOneB, stop.get_token());
  EXPECT_TRUE(absl::IsCancelled(reports.first.status()));
  EXPECT_TRUE(absl::IsCancelled(reports.second.status()));
  EXPECT_THAT(Differences(pair.Masters(), before), IsEmpty());
}

TEST(TrainingComputeTest, AStopEndsASegmentBetweenItsBlocks) {
  TinyStage stage({});
  const TensorsByName before = stage.Masters();
  TrainingCompute& compute = stage.compute();
  std::stop_source stop;
  compute.SetStop(stop.get_token());
  ASSERT_TRUE(compute.BeginStep(TinyPlan(0, {1, 2})).ok());
  ASSERT_TRUE(compute.Forward(Segment(0), Microbatch(0)).ok());
  stop.request_stop();
  EXPECT_TRUE(absl::IsCancelled(compute.Forward(Segment(0), Microbatch(1))));
  compute.AbandonStep();
  EXPECT_THAT(Differences(stage.Masters(), before), IsEmpty());
  // The step after it is not troubled by what was stopped.
  TinyStage other({});
  ASSERT_TRUE(RunAlone(&stage, TinyPlan(0, kThree)).ok());
  ASSERT_TRUE(RunAlone(&other, TinyPlan(0, kThree)).ok());
  EXPECT_THAT(Differences(stage.Masters(), other.Masters()), IsEmpty());
}

TEST(TrainingComputeTest, CallsWithoutTheirInputAreRefused) {
  TinyStage stage({});
  TrainingCompute& compute = stage.compute();
  ASSERT_TRUE(compute.BeginStep(TinyPlan(0, {1})).ok());
  const Microbatch m(0);
  for (const absl::Status& status :
       {compute.Forward(Segment(1), m), compute.Forward(Segment(2), m),
        compute.Backward(Segment(2), m), compute.Backward(Segment(0), m),
        compute.ActivationToSend(Segment(0), m).status(),
        compute.GradientToSend(Segment(1), m).status()}) {
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  }
  TinyPair pair(2);
  ASSERT_TRUE(pair.second.compute().BeginStep(TinyPlan(0, {1})).ok());
  EXPECT_TRUE(
      absl::IsFailedPrecondition(pair.second.compute().Forward(Segment(1), m)));
}

}  // namespace
}  // namespace halfpipe
