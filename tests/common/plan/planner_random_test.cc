// The planner on machines that nobody has: rates, sizes and limits by chance.
#include <algorithm>
#include <cmath>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/plan/plan_cases.h"
#include "common/plan/planner.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

// Less pinned memory may cost half a percent.
constexpr double kTolerance = 1.0051;
// Another split must gain one percent, other parts two.
constexpr double kFreeTolerance = kTolerance / 0.99 / 0.98;

class Chance {
 public:
  explicit Chance(uint32_t seed) : engine_(seed) {}

  // Evenly by magnitude.
  double Between(double low, double high) {
    std::uniform_real_distribution<double> logs(std::log(low), std::log(high));
    return std::exp(logs(engine_));
  }

  int64_t Whole(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(engine_);
  }

  bool Maybe() { return Whole(0, 1) == 1; }

 private:
  std::mt19937 engine_;
};

DeviceRates RandomCard(Chance& chance) {
  DeviceRates card;
  card.name = absl::StrCat("card ", chance.Whole(0, 9));
  card.matmul_flops_per_second = chance.Between(20e12, 1000e12);
  card.attention_forward_flops_per_second = chance.Between(10e12, 600e12);
  card.attention_backward_flops_per_second = chance.Between(10e12, 600e12);
  card.elementwise_bytes_per_second = chance.Between(0.2e12, 4e12);
  card.host_to_device_bytes_per_second = chance.Between(1e9, 60e9);
  card.device_to_host_bytes_per_second = chance.Between(1e9, 60e9);
  card.link_bytes_per_second = chance.Between(1e9, 300e9);
  card.link_uses_pcie = chance.Maybe();
  card.free_bytes = chance.Whole(4 * kGiB, 60 * kGiB);
  card.total_bytes = card.free_bytes + chance.Whole(0, 8 * kGiB);
  card.fixed_bytes = chance.Whole(kGiB / 2, 2 * kGiB);
  return card;
}

PlanRequest RandomRequest(uint32_t seed) {
  Chance chance(seed);
  PlanRequest request = A14bRequest();
  request.model.layers = chance.Whole(2, 10);
  request.lora_parameters = request.model.layers * kLoraParametersOfBlock;
  request.clip.latent_frames = chance.Whole(1, 25);
  request.schedule.microbatches = static_cast<int32_t>(chance.Whole(1, 6));
  const pipeline::ScheduleName names[] = {
      pipeline::ScheduleName::kOneFOneB, pipeline::ScheduleName::kOneFOneB,
      pipeline::ScheduleName::kInterleaved, pipeline::ScheduleName::kGpipe,
      pipeline::ScheduleName::kSequential};
  request.schedule.name = names[chance.Whole(0, 4)];
  if (request.schedule.name == pipeline::ScheduleName::kInterleaved) {
    request.model.layers = std::max<int64_t>(4, request.model.layers);
  }
  request.devices = {RandomCard(chance), RandomCard(chance)};
  if (chance.Maybe()) request.devices[1] = request.devices[0];
  request.gpu_memory_bytes =
      chance.Maybe() ? chance.Whole(3 * kGiB, 40 * kGiB) : 0;
  request.host_memory_bytes = {chance.Maybe() ? chance.Whole(0, 40 * kGiB)
                                              : chance.Whole(0, 100'000)};
  if (chance.Maybe()) {
    request.host_memory_bytes.push_back(chance.Whole(0, 40 * kGiB));
  }
  if (chance.Maybe()) {
    request.split = request.model.layers / 2;
  } else {
    request.max_ffn_chunks = 4;
  }
  return request;
}

std::string Describe(uint32_t seed, const PlanRequest& request) {
  return absl::StrCat(
      "seed ", seed, ", ", std::string(ToString(request.schedule.name)), ", ",
      request.model.layers, " blocks, ", request.clip.latent_frames,
      " latent frames, M = ", request.schedule.microbatches);
}

void ExpectWithinBudgets(const PlanRequest& request, const TrainingPlan& plan) {
  for (size_t rank = 0; rank < plan.stages.size(); ++rank) {
    int64_t budget = request.devices[rank].free_bytes;
    if (request.gpu_memory_bytes > 0) {
      budget = std::min(budget, request.gpu_memory_bytes);
    }
    EXPECT_LE(plan.stages[rank].peak_bytes, budget);
    if (request.host_memory_bytes.size() == 2) {
      EXPECT_LE(plan.stages[rank].cost.host_bytes,
                request.host_memory_bytes[rank]);
    }
  }
  if (request.host_memory_bytes.size() == 1) {
    EXPECT_LE(plan.pinned_host_bytes(), request.host_memory_bytes.front());
  }
}

TEST(PlannerRandomTest, NoPlanLeavesItsBudgetsOrIsSlowerThanRecomputing) {
  int planned = 0;
  int recomputable = 0;
  for (uint32_t seed = 0; seed < 100; ++seed) {
    const PlanRequest request = RandomRequest(seed);
    SCOPED_TRACE(Describe(seed, request));
    const absl::StatusOr<TrainingPlan> plan = PlanTraining(request);
    PlanRequest recompute = request;
    recompute.policy = ActivationPolicy::kRecompute;
    const absl::StatusOr<TrainingPlan> plain = PlanTraining(recompute);
    if (!plan.ok()) {
      EXPECT_EQ(plan.status().code(), absl::StatusCode::kResourceExhausted)
          << plan.status();
      EXPECT_FALSE(plain.ok());
      continue;
    }
    ++planned;
    ExpectWithinBudgets(request, *plan);
    if (!plain.ok()) continue;
    ++recomputable;
    const double tolerance =
        request.split.has_value() ? kTolerance : kFreeTolerance;
    EXPECT_LE(plan->step_seconds(), plain->step_seconds() * tolerance);
  }
  EXPECT_GT(planned, 30);
  EXPECT_GT(recomputable, 20);
}

// The slower PCIe is, the less an offload is worth: in the end nothing is
// offloaded but what the GPU cannot hold.
TEST(PlannerRandomTest, SlowPcieMeansRecomputing) {
  PlanRequest request = A14bRequest();
  request.gpu_memory_bytes = 30 * kGiB;
  request.host_memory_bytes = {64 * kGiB};
  request.split = 20;
  double before = 0.0;
  for (const double rate : {55e9, 12e9, 3e9, 0.3e9}) {
    for (DeviceRates& device : request.devices) {
      device.host_to_device_bytes_per_second = rate;
      device.device_to_host_bytes_per_second = rate;
    }
    const absl::StatusOr<TrainingPlan> plan = PlanTraining(request);
    ASSERT_TRUE(plan.ok()) << plan.status();
    EXPECT_GE(plan->step_seconds() * kTolerance, before) << rate;
    before = plan->step_seconds();
    PlanRequest recompute = request;
    recompute.policy = ActivationPolicy::kRecompute;
    const absl::StatusOr<TrainingPlan> plain = PlanTraining(recompute);
    ASSERT_TRUE(plain.ok()) << plain.status();
    EXPECT_LE(plan->step_seconds(), plain->step_seconds() * kTolerance) << rate;
    if (rate < 1e9) {
      EXPECT_EQ(plan->pinned_host_bytes(), 0);
    }
  }
}

TEST(PlannerRandomTest, AHostWithoutRoomForOneTensorIsAPlanWithoutOffloads) {
  PlanRequest request = A14bRequest();
  request.gpu_memory_bytes = 30 * kGiB;
  for (const int64_t host : {int64_t{0}, int64_t{1}, int64_t{200} << 20}) {
    request.host_memory_bytes = {host};
    const absl::StatusOr<TrainingPlan> plan = PlanTraining(request);
    ASSERT_TRUE(plan.ok()) << plan.status();
    EXPECT_EQ(plan->pinned_host_bytes(), 0);
  }
}

}  // namespace
}  // namespace halfpipe
