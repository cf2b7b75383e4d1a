// The golden files on a GPU, and true shapes. Skipped without a CUDA device.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <chrono>
#include <iostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/model/published_sizes.h"
#include "stage/kernels/cuda_runtime.h"
#include "stage/wan/golden_case.h"
#include "stage/wan/pipeline_parts.h"

namespace halfpipe {
namespace {

const at::Device kGpu(at::kCUDA, 0);

class GpuParityTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const absl::Status loaded = EnsureCudaLoaded();
    if (!loaded.ok()) GTEST_SKIP() << loaded;
  }
};

TEST_P(GpuParityTest, Float32) {
  const GoldenCase golden = LoadGolden(GetParam());
  for (ActivationPolicy policy :
       {ActivationPolicy::kKeep, ActivationPolicy::kRecompute,
        ActivationPolicy::kOffload}) {
    SCOPED_TRACE(ActivationPolicyName(policy).data());
    ExpectFloatParity(
        RunGolden(golden, {.split = 1, .policy = policy, .device = kGpu}),
        golden);
  }
}

TEST_P(GpuParityTest, Bfloat16) {
  const GoldenCase golden = LoadGolden(GetParam());
  ExpectBfloat16Parity(
      RunGolden(golden, {.split = 2, .compute = at::kBFloat16, .device = kGpu}),
      golden);
}

INSTANTIATE_TEST_SUITE_P(Golden, GpuParityTest,
                         testing::ValuesIn(GoldenFolders()),
                         [](const testing::TestParamInfo<std::string>& folder) {
                           return folder.param.substr(folder.param.rfind('/') +
                                                      1);
                         });

struct TrueShapesCase {
  ActivationPolicy policy;
  bool deterministic;
};

class TrueShapesTest : public testing::TestWithParam<TrueShapesCase> {
 protected:
  void SetUp() override {
    const absl::Status loaded = EnsureCudaLoaded();
    if (!loaded.ok()) GTEST_SKIP() << loaded;
  }
};

MicrobatchInputs InputsOf480x832x49() {
  const auto options = at::TensorOptions().device(kGpu).dtype(at::kFloat);
  MicrobatchInputs inputs;
  inputs.latents = at::randn({1, 16, 13, 60, 104}, options);
  inputs.y = at::randn({1, 20, 13, 60, 104}, options);
  inputs.timestep = at::full({1}, 900.0, options);
  inputs.context = at::randn({1, 512, 4096}, options);
  return inputs;
}

// Two blocks of the I2V-A14B shapes: results are finite, and the second round
// of the same micro-batch gives twice the gradient of the first.
TEST_P(TrueShapesTest, TwoBlocksRunForwardAndBackward) {
  ModelSpec wan = A14B(36);
  wan.layers = 2;
  StageModelOptions options;
  options.blocks = {{0, 2}};
  options.device = kGpu;
  options.compute = at::kBFloat16;
  options.lora = LoraSpec();
  options.plan = ActivationPlan::Uniform(GetParam().policy, 2);
  options.deterministic = GetParam().deterministic;
  auto part = WanPart::Create(RandomWeights(wan, 1), options, TestUniform());
  ASSERT_TRUE(part.ok()) << part.status();
  for (LoraAdapter* adapter : (*part)->adapters()) {
    adapter->b.master.normal_(0.0, 0.02);
  }
  ASSERT_TRUE((*part)->RefreshComputeCopies().ok());
  const MicrobatchInputs inputs = InputsOf480x832x49();
  at::Tensor first;
  for (int32_t round = 0; round < 3; ++round) {
    const Microbatch m(round);
    const auto start = std::chrono::steady_clock::now();
    auto embedded = (*part)->Embed(m, inputs);
    ASSERT_TRUE(embedded.ok()) << embedded.status();
    auto x =
        (*part)->ForwardBlocks(m, {0, 2}, embedded->conditioning, embedded->x);
    ASSERT_TRUE(x.ok()) << x.status();
    auto prediction = (*part)->HeadForward(m, *x);
    ASSERT_TRUE(prediction.ok()) << prediction.status();
    EXPECT_TRUE(at::isfinite(*prediction).all().item<bool>());
    const auto middle = std::chrono::steady_clock::now();
    auto d = (*part)->HeadBackward(m, *prediction);
    ASSERT_TRUE(d.ok()) << d.status();
    ASSERT_TRUE((*part)->BackwardBlocks(m, {0, 2}, *d).ok());
    const at::Tensor& grad = (*part)->adapters()[0]->a.grad;
    EXPECT_GT(grad.norm().item<double>(), 0.0);
    const auto end = std::chrono::steady_clock::now();
    using Milliseconds = std::chrono::duration<double, std::milli>;
    std::cout << "round " << round << ": forward "
              << Milliseconds(middle - start).count() << " ms, backward "
              << Milliseconds(end - middle).count() << " ms\n";
    if (round == 0) first = grad.clone();
    if (round == 1) {
      EXPECT_LT(RelativeError(grad, first * 2.0),
                options.deterministic ? 1e-30 : 1e-2);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Policies, TrueShapesTest,
    testing::Values(TrueShapesCase{ActivationPolicy::kKeep, true},
                    TrueShapesCase{ActivationPolicy::kKeep, false},
                    TrueShapesCase{ActivationPolicy::kRecompute, true},
                    TrueShapesCase{ActivationPolicy::kRecompute, false},
                    TrueShapesCase{ActivationPolicy::kOffload, true}),
    [](const testing::TestParamInfo<TrueShapesCase>& shapes) {
      return absl::StrCat(
          ActivationPolicyName(shapes.param.policy),
          shapes.param.deterministic ? "_deterministic" : "_fastest");
    });

}  // namespace
}  // namespace halfpipe
