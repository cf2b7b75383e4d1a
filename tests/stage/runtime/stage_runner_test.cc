#include "stage/runtime/stage_runner.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "common/pipeline/build.h"
#include "common/pipeline/schedule.h"
#include "support/fake_stage_compute.h"
#include "support/loopback_peer_link.h"

namespace halfpipe {
namespace {

using pipeline::BuildSchedule;
using pipeline::Schedule;
using pipeline::ScheduleName;
using pipeline::SegmentTable;

Schedule MakeSchedule(ScheduleName name, int32_t microbatches, int stages) {
  pipeline::ScheduleOptions options;
  options.name = name;
  options.microbatches = microbatches;
  options.stages = stages;
  return BuildSchedule(options).value();
}

StepPlan MakePlan(int64_t step, int32_t microbatches) {
  StepPlan plan;
  plan.epoch = Epoch(1);
  plan.step = Step(step);
  for (int32_t m = 0; m < microbatches; ++m) {
    plan.microbatches.push_back({"", "", step * microbatches + m});
  }
  return plan;
}

// Two stages on two threads, joined by a loopback link.
class Pair {
 public:
  Pair()
      : computes_{
            FakeStageCompute(SegmentTable::ForStages(2).value(), Rank(0)),
            FakeStageCompute(SegmentTable::ForStages(2).value(), Rank(1))} {
    auto [first, second] = MakeLoopbackPair().value();
    links_ = {std::move(first), std::move(second)};
  }

  std::array<absl::StatusOr<StepReport>, 2> RunStep(const StepPlan& plan,
                                                    const Schedule& schedule) {
    std::array<absl::StatusOr<StepReport>, 2> reports;
    std::thread peer([&] { reports[1] = RunRank(1, plan, schedule); });
    reports[0] = RunRank(0, plan, schedule);
    peer.join();
    return reports;
  }

  absl::StatusOr<StepReport> RunRank(size_t rank, const StepPlan& plan,
                                     const Schedule& schedule) {
    StageRunner runner(&computes_[rank], links_[rank].get());
    return runner.RunStep(plan, schedule.ranks[rank], stops_[rank].get_token());
  }

  FakeStageCompute& compute(size_t rank) { return computes_[rank]; }

  PeerLink& link(size_t rank) { return *links_[rank]; }

  std::stop_source& stop(size_t rank) { return stops_[rank]; }

 private:
  std::array<FakeStageCompute, 2> computes_;
  std::array<std::unique_ptr<PeerLink>, 2> links_;
  std::array<std::stop_source, 2> stops_;
};

// Weights of one process that does the same steps.
std::vector<uint64_t> OneStageWeights(int32_t microbatches, int64_t steps) {
  FakeStageCompute compute(SegmentTable::ForStages(1).value(), Rank(0));
  StageRunner runner(&compute, nullptr);
  const Schedule schedule =
      MakeSchedule(ScheduleName::kSequential, microbatches, 1);
  for (int64_t step = 0; step < steps; ++step) {
    EXPECT_TRUE(
        runner.RunStep(MakePlan(step, microbatches), schedule.ranks[0], {})
            .ok());
  }
  return compute.weights();
}

TEST(StageRunnerTest, TwoStagesGiveTheNumbersOfOneInEverySchedule) {
  for (ScheduleName name : {ScheduleName::kOneFOneB, ScheduleName::kGpipe,
                            ScheduleName::kSequential}) {
    for (int32_t m = 1; m <= 16; ++m) {
      SCOPED_TRACE(absl::StrCat(ToString(name), " M=", m));
      Pair pair;
      const Schedule schedule = MakeSchedule(name, m, 2);
      for (int64_t step = 0; step < 3; ++step) {
        auto reports = pair.RunStep(MakePlan(step, m), schedule);
        ASSERT_TRUE(reports[0].ok()) << reports[0].status();
        ASSERT_TRUE(reports[1].ok()) << reports[1].status();
        EXPECT_EQ(reports[0]->losses.size(), static_cast<size_t>(m));
        EXPECT_EQ(reports[0]->grad_norm, reports[1]->grad_norm);
        EXPECT_EQ(reports[0]->timings.size(), schedule.ranks[0].size());
        // Two words a micro-batch, and three words of norms.
        EXPECT_EQ(reports[0]->link_bytes_sent, 8 * (2 * m + 3));
      }
      const auto expected = OneStageWeights(m, 3);
      EXPECT_EQ(pair.compute(0).weights()[0], expected[0]);
      EXPECT_EQ(pair.compute(1).weights()[1], expected[1]);
      EXPECT_EQ(pair.compute(0).weights()[2], expected[2]);
    }
  }
}

// Stages on as many threads, each joined to the next one and the last to the
// first.
class Ring {
 public:
  explicit Ring(const pipeline::ScheduleOptions& options)
      : schedule_(BuildSchedule(options).value()) {
    const auto stages = static_cast<size_t>(options.stages);
    for (size_t rank = 0; rank < stages; ++rank) {
      computes_.push_back(
          std::make_unique<FakeStageCompute>(pipeline::TableOf(options).value(),
                                             Rank(static_cast<int32_t>(rank))));
      auto [here, there] = MakeLoopbackPair().value();
      to_next_.push_back(std::move(here));
      to_previous_.push_back(std::move(there));
    }
  }

  std::vector<absl::StatusOr<StepReport>> RunStep(const StepPlan& plan) {
    std::vector<absl::StatusOr<StepReport>> reports(computes_.size());
    std::vector<std::thread> threads;
    for (size_t rank = 0; rank < computes_.size(); ++rank) {
      threads.emplace_back([&, rank] { reports[rank] = RunRank(rank, plan); });
    }
    for (std::thread& thread : threads) thread.join();
    return reports;
  }

  FakeStageCompute& compute(size_t rank) { return *computes_[rank]; }

  // The weights by segment, each from the stage that has it.
  std::vector<uint64_t> Weights() const {
    std::vector<uint64_t> weights(computes_[0]->weights().size(), 0);
    for (const auto& compute : computes_) {
      for (size_t s = 0; s < weights.size(); ++s) {
        weights[s] += compute->weights()[s];
      }
    }
    return weights;
  }

 private:
  absl::StatusOr<StepReport> RunRank(size_t rank, const StepPlan& plan) {
    const size_t stages = computes_.size();
    StageRunner runner(computes_[rank].get(),
                       NeighbourLinks::InRing(
                           to_previous_[(rank + stages - 1) % stages].get(),
                           to_next_[rank].get(), static_cast<int32_t>(stages)));
    return runner.RunStep(plan, schedule_.ranks[rank], {});
  }

  const Schedule schedule_;
  std::vector<std::unique_ptr<FakeStageCompute>> computes_;
  std::vector<std::unique_ptr<PeerLink>> to_next_;
  std::vector<std::unique_ptr<PeerLink>> to_previous_;
};

// Weights of one process with as many segments.
std::vector<uint64_t> WeightsOfOne(int32_t segments, int32_t microbatches,
                                   int64_t steps) {
  const SegmentTable table =
      SegmentTable::FromRanks(
          std::vector<Rank>(static_cast<size_t>(segments), Rank(0)))
          .value();
  std::vector<pipeline::Action> actions =
      pipeline::BuildSequential(table, microbatches)[0];
  actions.push_back({pipeline::Op::kOptimizerStep, {}, {}});
  FakeStageCompute compute(table, Rank(0));
  StageRunner runner(&compute, nullptr);
  for (int64_t step = 0; step < steps; ++step) {
    EXPECT_TRUE(runner.RunStep(MakePlan(step, microbatches), actions, {}).ok());
  }
  return compute.weights();
}

TEST(StageRunnerTest, ThreeAndFourStagesGiveTheNumbersOfOneInEverySchedule) {
  for (int stages : {3, 4}) {
    for (ScheduleName name :
         {ScheduleName::kOneFOneB, ScheduleName::kGpipe,
          ScheduleName::kSequential, ScheduleName::kInterleaved}) {
      for (int32_t m : {1, 2, 3, 5, 8}) {
        SCOPED_TRACE(absl::StrCat(ToString(name), " M=", m, " on ", stages));
        const pipeline::ScheduleOptions options = {
            .name = name, .microbatches = m, .stages = stages};
        Ring ring(options);
        for (int64_t step = 0; step < 3; ++step) {
          const auto reports = ring.RunStep(MakePlan(step, m));
          for (const auto& report : reports) {
            ASSERT_TRUE(report.ok()) << report.status();
            EXPECT_EQ(report->grad_norm, reports[0]->grad_norm);
          }
        }
        const int32_t segments =
            pipeline::TableOf(options).value().segment_count();
        EXPECT_EQ(ring.Weights(), WeightsOfOne(segments, m, 3));
      }
    }
  }
}

TEST(StageRunnerTest, AFailureEndsTheStepOfEveryStageOfARing) {
  for (size_t failing = 0; failing < 4; ++failing) {
    Ring ring({.microbatches = 4, .stages = 4});
    ring.compute(failing).FailAt(absl::StrCat(failing, "B2"),
                                 absl::ResourceExhaustedError("out of memory"));
    const auto reports = ring.RunStep(MakePlan(4, 4));
    for (size_t rank = 0; rank < 4; ++rank) {
      EXPECT_EQ(absl::IsResourceExhausted(reports[rank].status()),
                rank == failing)
          << reports[rank].status();
      EXPECT_FALSE(reports[rank].ok());
      EXPECT_EQ(ring.compute(rank).abandoned_steps(), 1);
    }
    EXPECT_EQ(ring.Weights(), std::vector<uint64_t>(5, 0));
  }
}

TEST(StageRunnerTest, TheComputeIsToldWhatComesNext) {
  FakeStageCompute compute(SegmentTable::ForStages(1).value(), Rank(0));
  StageRunner runner(&compute, nullptr);
  const Schedule schedule = MakeSchedule(ScheduleName::kSequential, 1, 1);
  ASSERT_EQ(ToText(schedule.ranks)[0], "0F0 1F0 2F0 2B0 1B0 0B0 STEP");
  ASSERT_TRUE(runner.RunStep(MakePlan(0, 1), schedule.ranks[0], {}).ok());
  EXPECT_EQ(compute.upcoming(),
            (std::vector<std::string>{"1F0 2F0 2B0", "2F0 2B0 1B0",
                                      "2B0 1B0 0B0", "1B0 0B0", "0B0", ""}));
}

TEST(StageRunnerTest, AFailureNamesStepAndActionAndEndsThePeer) {
  Pair pair;
  pair.compute(1).FailAt("1B2", absl::ResourceExhaustedError("out of memory"));
  auto reports =
      pair.RunStep(MakePlan(4, 4), MakeSchedule(ScheduleName::kOneFOneB, 4, 2));
  EXPECT_EQ(reports[1].status(),
            absl::ResourceExhaustedError("step 4: 1B2: out of memory"));
  EXPECT_TRUE(absl::IsAborted(reports[0].status())) << reports[0].status();
  for (size_t rank : {0, 1}) {
    EXPECT_EQ(pair.compute(rank).abandoned_steps(), 1);
    EXPECT_EQ(pair.compute(rank).weights(), (std::vector<uint64_t>(3, 0)));
  }
}

TEST(StageRunnerTest, AStopEndsAWaitForThePeerAtOnce) {
  Pair pair;
  std::thread stopper([&] {
    absl::SleepFor(absl::Milliseconds(50));
    pair.stop(0).request_stop();
  });
  const absl::Time begin = absl::Now();
  // Rank 1 never runs, so rank 0 waits for its first receive.
  absl::StatusOr<StepReport> report = pair.RunRank(
      0, MakePlan(2, 4), MakeSchedule(ScheduleName::kOneFOneB, 4, 2));
  stopper.join();
  EXPECT_EQ(report.status(), absl::CancelledError("step 2: step abandoned"));
  EXPECT_LT(absl::Now() - begin, absl::Seconds(2));
  EXPECT_EQ(pair.compute(0).abandoned_steps(), 1);
}

TEST(StageRunnerTest, AStopIsSeenBetweenActionsOfOneStage) {
  FakeStageCompute compute(SegmentTable::ForStages(1).value(), Rank(0));
  compute.set_action_duration(absl::Milliseconds(20));
  StageRunner runner(&compute, nullptr);
  const Schedule schedule = MakeSchedule(ScheduleName::kSequential, 16, 1);
  std::stop_source stop;
  std::thread stopper([&] {
    while (runner.progress().action_index < 3) {
      absl::SleepFor(absl::Milliseconds(1));
    }
    EXPECT_EQ(runner.progress().step, Step(9));
    stop.request_stop();
  });
  absl::StatusOr<StepReport> report =
      runner.RunStep(MakePlan(9, 16), schedule.ranks[0], stop.get_token());
  stopper.join();
  EXPECT_TRUE(absl::IsCancelled(report.status()));
  EXPECT_EQ(runner.progress().action_index, -1);
}

TEST(StageRunnerTest, ANonFiniteNormLeavesTheLinkUsable) {
  Pair pair;
  const Schedule schedule = MakeSchedule(ScheduleName::kOneFOneB, 2, 2);
  for (size_t rank : {0, 1}) {
    pair.compute(rank).FailAt("STEP",
                              absl::FailedPreconditionError("non-finite norm"));
  }
  auto failed = pair.RunStep(MakePlan(0, 2), schedule);
  EXPECT_EQ(failed[0].status(),
            absl::FailedPreconditionError("step 0: STEP: non-finite norm"));
  EXPECT_TRUE(absl::IsFailedPrecondition(failed[1].status()));
  for (size_t rank : {0, 1}) pair.compute(rank).FailAt("", absl::OkStatus());
  auto reports = pair.RunStep(MakePlan(1, 2), schedule);
  EXPECT_TRUE(reports[0].ok()) << reports[0].status();
  EXPECT_TRUE(reports[1].ok()) << reports[1].status();
}

TEST(StageRunnerTest, ADeadlineEndsADrainThatTakesTooLong) {
  FakeStageCompute compute(SegmentTable::ForStages(2).value(), Rank(0));
  auto [link, peer] = MakeLoopbackPair().value();
  StageRunner::Options options;
  options.drain_timeout = absl::Milliseconds(100);
  StageRunner runner(&compute, link.get(), options);
  // The norms of a peer that never answers.
  const auto actions = pipeline::ParseActions("NORM STEP").value();
  absl::StatusOr<StepReport> report =
      runner.RunStep(MakePlan(0, 1), actions, {});
  EXPECT_TRUE(absl::IsDeadlineExceeded(report.status())) << report.status();
}

TEST(StageRunnerTest, ATransferWithoutAPeerIsRefused) {
  FakeStageCompute compute(SegmentTable::ForStages(1).value(), Rank(0));
  StageRunner runner(&compute, nullptr);
  const auto actions = pipeline::ParseActions("0F0 0SF0").value();
  EXPECT_TRUE(absl::IsInvalidArgument(
      runner.RunStep(MakePlan(0, 1), actions, {}).status()));
}

// What a cancel or SIGTERM meets in a step of minutes: an action of its own
// that takes a minute on one stage, while the other waits for it.
TEST(StageRunnerTest, AStopEndsAnActionHoweverLongItTakes) {
  Pair pair;
  pair.compute(1).set_action_duration(absl::Minutes(1));
  const Schedule schedule = MakeSchedule(ScheduleName::kOneFOneB, 4, 2);
  std::thread stopper([&] {
    absl::SleepFor(absl::Milliseconds(50));
    pair.stop(0).request_stop();
    pair.stop(1).request_stop();
  });
  const absl::Time begin = absl::Now();
  const auto reports = pair.RunStep(MakePlan(0, 4), schedule);
  stopper.join();
  EXPECT_LT(absl::Now() - begin, absl::Seconds(4));
  for (size_t rank = 0; rank < 2; ++rank) {
    EXPECT_TRUE(absl::IsCancelled(reports[rank].status()))
        << reports[rank].status();
    EXPECT_EQ(pair.compute(rank).abandoned_steps(), 1);
    for (const auto weight : pair.compute(rank).weights()) {
      EXPECT_EQ(weight, 0u);  // the boundary before the step
    }
  }
}

TEST(StageRunnerTest, WeightsAreInDoubtOnlyBehindTheOptimizer) {
  FakeStageCompute compute(SegmentTable::ForStages(1).value(), Rank(0));
  StageRunner runner(&compute, nullptr);
  const Schedule schedule = MakeSchedule(ScheduleName::kSequential, 2, 1);
  compute.FailAt("0B1", absl::ResourceExhaustedError("no memory"));
  EXPECT_FALSE(runner.RunStep(MakePlan(0, 2), schedule.ranks[0], {}).ok());
  EXPECT_FALSE(runner.weights_in_doubt());
  compute.FailAt("STEP", absl::InternalError("lost"));
  EXPECT_FALSE(runner.RunStep(MakePlan(0, 2), schedule.ranks[0], {}).ok());
  EXPECT_TRUE(runner.weights_in_doubt());
  compute.FailAt("", absl::OkStatus());
  EXPECT_TRUE(runner.RunStep(MakePlan(0, 2), schedule.ranks[0], {}).ok());
  EXPECT_FALSE(runner.weights_in_doubt());
}

}  // namespace
}  // namespace halfpipe
