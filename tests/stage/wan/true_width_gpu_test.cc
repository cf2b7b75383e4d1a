// Two blocks of the I2V-A14B width in every way that a GPU can run them, on the
// same weights and inputs: how far each is from float32, and which must have
// the same bits. Skipped without a CUDA device.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>
#include <iostream>
#include <map>
#include <string>
#include <utility>

#include "common/model/published_sizes.h"
#include "stage/kernels/cuda_runtime.h"
#include "stage/kernels/fp8.h"
#include "stage/wan/pipeline_parts.h"

namespace halfpipe {
namespace {

const at::Device kGpu(at::kCUDA, 0);
constexpr int64_t kBlocks = 2;

// The same numbers on every device, drawn once.
class SharedWeights : public WeightSource {
 public:
  explicit SharedWeights(const ModelSpec& wan) : random_(wan, 1) {}

  [[nodiscard]] const ModelSpec& spec() const override {
    return random_.spec();
  }

  [[nodiscard]] absl::StatusOr<at::Tensor> Load(
      absl::string_view name, at::ScalarType dtype,
      const at::Device& device) const override {
    at::Tensor& tensor = drawn_[std::string(name)];
    if (!tensor.defined()) {
      auto loaded = random_.Load(name, at::kBFloat16, kGpu);
      if (!loaded.ok()) return loaded.status();
      tensor = *loaded;
    }
    // Always a copy: the caller owns it.
    return tensor.to(device, dtype, /*non_blocking=*/false, /*copy=*/true);
  }

 private:
  RandomWeights random_;
  mutable std::map<std::string, at::Tensor> drawn_;
};

struct Way {
  at::Device device = kGpu;
  at::ScalarType compute = at::kBFloat16;
  WeightForm weights = WeightForm::kBf16;
  ActivationPolicy policy = ActivationPolicy::kKeep;
  bool deterministic = false;
};

struct Outcome {
  at::Tensor prediction;
  at::Tensor gradients;  // all, one behind the other
};

class TrueWidthTest : public testing::Test {
 protected:
  void SetUp() override {
    const absl::Status loaded = EnsureCudaLoaded();
    if (!loaded.ok()) GTEST_SKIP() << loaded;
  }

  // One micro-batch of `frames` latent frames of 60 x 104.
  static Outcome RunBlocks(const WeightSource& source, int64_t frames,
                           const Way& way) {
    StageModelOptions options;
    options.blocks = {{0, kBlocks}};
    options.device = way.device;
    options.compute = way.compute;
    options.weights = way.weights;
    options.lora = LoraSpec();
    options.plan = ActivationPlan::Uniform(way.policy, kBlocks);
    options.deterministic = way.deterministic;
    auto part = WanPart::Create(source, options, TestUniform());
    EXPECT_TRUE(part.ok()) << part.status();
    at::manual_seed(5);
    for (LoraAdapter* adapter : (*part)->adapters()) {
      adapter->b.master.copy_(at::randn(adapter->b.master.sizes()) * 0.02);
    }
    EXPECT_TRUE((*part)->RefreshComputeCopies().ok());
    MicrobatchInputs inputs;
    inputs.latents = at::randn({1, 16, frames, 60, 104}).to(way.device);
    inputs.y = at::randn({1, 20, frames, 60, 104}).to(way.device);
    inputs.timestep = at::full({1}, 900.0, at::kFloat).to(way.device);
    inputs.context = at::randn({1, 512, 4096}).to(way.device);
    const at::Tensor d = at::randn({1, 16, frames, 60, 104}).to(way.device);
    const Microbatch m(0);
    auto embedded = (*part)->Embed(m, inputs);
    auto x = (*part)->ForwardBlocks(m, {0, kBlocks}, embedded->conditioning,
                                    embedded->x);
    EXPECT_TRUE(x.ok()) << x.status();
    Outcome outcome;
    outcome.prediction = (*part)->HeadForward(m, *x)->cpu();
    auto dx = (*part)->HeadBackward(m, d);
    EXPECT_TRUE((*part)->BackwardBlocks(m, {0, kBlocks}, *dx).ok());
    std::vector<at::Tensor> gradients;
    for (const LoraAdapter* adapter : (*part)->adapters()) {
      gradients.push_back(adapter->a.grad.cpu().view({-1}));
      gradients.push_back(adapter->b.grad.cpu().view({-1}));
    }
    outcome.gradients = at::cat(gradients);
    return outcome;
  }

  struct Errors {
    double prediction = 0.0;
    double gradients = 0.0;
  };

  static Errors ErrorsOf(const char* name, const Outcome& outcome,
                         const Outcome& exact) {
    const Errors errors = {RelativeError(outcome.prediction, exact.prediction),
                           RelativeError(outcome.gradients, exact.gradients)};
    std::cout << name << ": prediction " << errors.prediction << ", gradients "
              << errors.gradients << "\n";
    return errors;
  }

  static ModelSpec TwoBlocks() {
    ModelSpec wan = A14B(36);
    wan.layers = kBlocks;
    return wan;
  }
};

// What rounding to bf16 costs is paid by plain ATen too: the CPU runs it.
TEST_F(TrueWidthTest, Bfloat16IsAtMostTwiceAsFarFromFloat32AsPlainAten) {
  const SharedWeights weights(TwoBlocks());
  const Outcome exact = RunBlocks(weights, 1, {.compute = at::kFloat});
  at::set_num_threads(16);
  const Errors plain = ErrorsOf(
      "plain bf16", RunBlocks(weights, 1, {.device = at::kCPU}), exact);
  for (ActivationPolicy policy :
       {ActivationPolicy::kKeep, ActivationPolicy::kRecompute,
        ActivationPolicy::kOffload}) {
    const Errors fused =
        ErrorsOf(ActivationPolicyName(policy).data(),
                 RunBlocks(weights, 1, {.policy = policy}), exact);
    EXPECT_LE(fused.prediction, 2.0 * plain.prediction);
    EXPECT_LE(fused.gradients, 2.0 * plain.gradients);
  }
}

// Rounding a weight to e4m3 is off by up to 1/16, 0.026 in the mean square.
TEST_F(TrueWidthTest, EightBitWeightsAreWithinTheirRounding) {
  const SharedWeights weights(TwoBlocks());
  const Outcome exact = RunBlocks(weights, 1, {.compute = at::kFloat});
  const Errors fp8 = ErrorsOf(
      "fp8", RunBlocks(weights, 1, {.weights = WeightForm::kFp8}), exact);
  EXPECT_LT(fp8.prediction, 3e-2);
  EXPECT_LT(fp8.gradients, 6e-2);
  if (!HasFp8Products(kGpu)) return;
  const Errors products = ErrorsOf(
      "fp8_compute",
      RunBlocks(weights, 1, {.weights = WeightForm::kFp8Compute}), exact);
  EXPECT_LT(products.prediction, 4e-2);
  EXPECT_LT(products.gradients, 9e-2);
}

TEST_F(TrueWidthTest, DeterministicPoliciesHaveTheSameBits) {
  const SharedWeights weights(TwoBlocks());
  Way way = {.deterministic = true};
  const Outcome kept = RunBlocks(weights, 5, way);
  for (const WeightForm form : {WeightForm::kBf16, WeightForm::kFp8}) {
    way.weights = form;
    way.policy = ActivationPolicy::kKeep;
    const Outcome expected = RunBlocks(weights, 5, way);
    for (ActivationPolicy policy :
         {ActivationPolicy::kRecompute, ActivationPolicy::kOffload}) {
      way.policy = policy;
      const Outcome outcome = RunBlocks(weights, 5, way);
      EXPECT_TRUE(outcome.prediction.equal(expected.prediction));
      EXPECT_TRUE(outcome.gradients.equal(expected.gradients));
    }
    EXPECT_EQ(expected.gradients.equal(kept.gradients),
              form == WeightForm::kBf16);
  }
}

}  // namespace
}  // namespace halfpipe
