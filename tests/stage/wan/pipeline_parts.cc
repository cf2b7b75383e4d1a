#include "stage/wan/pipeline_parts.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

template <typename T>
T Must(absl::StatusOr<T> result) {
  EXPECT_TRUE(result.ok()) << result.status();
  HP_CHECK(result.ok());
  return *std::move(result);
}

std::string KeyOf(const LoraParameter& parameter) {
  return parameter.name + ".default.weight";
}

ActivationPlan PlanOf(const RunOptions& options, const BlockRange& blocks) {
  const int64_t count = blocks.size();
  if (!options.plan.has_value()) {
    return ActivationPlan::Uniform(options.policy, count);
  }
  return Must(ActivationPlan::Create(
      std::vector<BlockPlan>(static_cast<size_t>(count), *options.plan)));
}

// A stage that holds blocks in front, a stage behind, and what runs on them.
class Pipeline {
 public:
  Pipeline(const GoldenCase& golden, const RunOptions& options)
      : golden_(golden) {
    const CheckpointWeights weights(&golden.checkpoint);
    const int64_t layers = weights.spec().layers;
    StageModelOptions part;
    part.compute = options.compute;
    part.ffn_chunks = options.ffn_chunks;
    part.device = options.device;
    part.lora = golden.lora;
    first_blocks_ = {0, options.split.value_or(layers)};
    part.blocks = {first_blocks_};
    part.plan = PlanOf(options, first_blocks_);
    first_ = Must(WanPart::Create(weights, part, TestUniform()));
    if (options.split.has_value()) {
      part.embeddings = part.head = false;
      second_blocks_ = {*options.split, layers};
      part.blocks = {second_blocks_};
      part.plan = PlanOf(options, second_blocks_);
      second_ = Must(WanPart::Create(weights, part, TestUniform()));
    }
    for (LoraParameter* parameter : Parameters()) {
      parameter->master.copy_(golden.tensors.at("lora." + KeyOf(*parameter)));
    }
    for (WanPart* each : Parts()) HP_CHECK(each->RefreshComputeCopies().ok());
  }

  std::vector<WanPart*> Parts() const {
    std::vector<WanPart*> parts = {first_.get()};
    if (second_ != nullptr) parts.push_back(second_.get());
    return parts;
  }

  std::vector<LoraParameter*> Parameters() const {
    std::vector<LoraParameter*> parameters;
    for (WanPart* part : Parts()) {
      for (LoraAdapter* adapter : part->adapters()) {
        parameters.push_back(&adapter->a);
        parameters.push_back(&adapter->b);
      }
    }
    return parameters;
  }

  // The prediction of one micro-batch.
  at::Tensor Forward(Microbatch microbatch, const MicrobatchInputs& inputs) {
    Embedded embedded = Must(first_->Embed(microbatch, inputs));
    at::Tensor x = Must(first_->ForwardBlocks(
        microbatch, first_blocks_, embedded.conditioning, embedded.x));
    if (second_ != nullptr) {
      Conditioning received;
      received.context = embedded.conditioning.context.clone();
      received.t_mod = embedded.conditioning.t_mod.clone();
      received.image_tokens = embedded.conditioning.image_tokens;
      received.grid = embedded.conditioning.grid;
      x = Must(second_->ForwardBlocks(microbatch, second_blocks_, received,
                                      x.clone()));
    }
    return Must(first_->HeadForward(microbatch, x));
  }

  void Backward(Microbatch microbatch, const at::Tensor& dprediction) {
    at::Tensor d = Must(first_->HeadBackward(microbatch, dprediction));
    if (second_ != nullptr) {
      d = Must(second_->BackwardBlocks(microbatch, second_blocks_, d)).clone();
    }
    Must(first_->BackwardBlocks(microbatch, first_blocks_, d));
  }

 private:
  const GoldenCase& golden_;
  BlockRange first_blocks_, second_blocks_;
  std::unique_ptr<WanPart> first_, second_;
};

at::Tensor Slice(const at::Tensor& tensor, int64_t begin, int64_t size) {
  return tensor.defined() ? tensor.narrow(0, begin, size) : tensor;
}

// ||all differences|| / ||all references|| over the gradients.
double JointGradientError(const Results& results, const GoldenCase& golden) {
  double squared_error = 0.0;
  double squared_norm = 0.0;
  for (const auto& [key, result] : results) {
    if (!absl::StartsWith(key, "grad.")) continue;
    const at::Tensor expected = golden.tensors.at(key).to(at::kDouble);
    const at::Tensor difference = result.to(at::kDouble) - expected;
    squared_error += difference.square().sum().item<double>();
    squared_norm += expected.square().sum().item<double>();
  }
  return std::sqrt(squared_error / squared_norm);
}

// Every tensor within `tolerance`, and no key missing or surplus.
void ExpectEachWithin(const Results& results, const GoldenCase& golden,
                      double tolerance) {
  size_t compared = 0;
  for (const auto& [key, expected] : golden.tensors) {
    if (!absl::StartsWith(key, "out.") && !absl::StartsWith(key, "grad.")) {
      continue;
    }
    ASSERT_EQ(results.count(key), 1u) << key;
    ASSERT_EQ(results.at(key).sizes(), expected.sizes()) << key;
    EXPECT_LE(RelativeError(results.at(key), expected), tolerance) << key;
    ++compared;
  }
  EXPECT_EQ(compared, results.size());
}

}  // namespace

void ExpectFloatParity(const Results& results, const GoldenCase& golden) {
  ExpectEachWithin(results, golden, 1e-4);
}

void ExpectBfloat16Parity(const Results& results, const GoldenCase& golden) {
  ExpectEachWithin(results, golden, 5e-2);
  EXPECT_LE(RelativeError(results.at("out.prediction"),
                          golden.tensors.at("out.prediction")),
            2e-2);
  EXPECT_LE(JointGradientError(results, golden), 2e-2);
}

void ExpectSameBits(const Results& a, const Results& b) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [key, tensor] : a) {
    EXPECT_TRUE(tensor.equal(b.at(key))) << key;
  }
}

UniformSource TestUniform() {
  return [](absl::string_view name, at::Tensor out) {
    at::Generator generator = at::detail::createCPUGenerator(
        std::hash<std::string>{}(std::string(name)));
    out.uniform_(0.0, 1.0, generator);
  };
}

Results RunGolden(const GoldenCase& golden, const RunOptions& options) {
  at::set_num_threads(1);  // what the promise of equal bits is made for
  Pipeline pipeline(golden, options);
  const at::Tensor& target = golden.tensors.at("in.target");
  const int64_t size = target.size(0) / options.micro_batches;
  HP_CHECK(size * options.micro_batches == target.size(0));
  std::vector<at::Tensor> predictions;
  std::vector<std::function<void()>> backwards;
  double loss = 0.0;
  for (int32_t m = 0; m < options.micro_batches; ++m) {
    const Microbatch microbatch(m);
    MicrobatchInputs inputs = golden.inputs;
    for (at::Tensor* input :
         {&inputs.latents, &inputs.timestep, &inputs.context, &inputs.y,
          &inputs.clip_feature}) {
      *input = Slice(*input, m * size, size);
    }
    at::Tensor prediction = pipeline.Forward(microbatch, inputs).cpu();
    at::Tensor difference = prediction - Slice(target, m * size, size);
    loss += difference.square().sum().item<double>();
    at::Tensor d = difference.mul(2.0 / static_cast<double>(target.numel()))
                       .to(options.device);
    backwards.push_back(
        [&pipeline, microbatch, d] { pipeline.Backward(microbatch, d); });
    if (!options.forwards_first) backwards.back()();
    predictions.push_back(prediction);
  }
  if (options.forwards_first) {
    for (const auto& backward : backwards) backward();
  }
  Results results;
  results["out.prediction"] = at::cat(predictions);
  results["out.loss"] =
      at::zeros({}).fill_(loss / static_cast<double>(target.numel()));
  for (LoraParameter* parameter : pipeline.Parameters()) {
    results["grad." + KeyOf(*parameter)] = parameter->grad.cpu().clone();
  }
  return results;
}

double RelativeError(const at::Tensor& a, const at::Tensor& b) {
  const double norm = b.to(at::kDouble).norm().item<double>();
  const double difference =
      (a.to(at::kDouble) - b.to(at::kDouble)).norm().item<double>();
  if (norm >= 1e-12) return difference / norm;
  return difference <= 1e-7 ? 0.0 : std::numeric_limits<double>::infinity();
}

}  // namespace halfpipe
