// Times a few blocks of Wan2.2-I2V-A14B, 480x832x49, on one GPU under given
// memory plans, and tells where the time goes: what `halfpipe bench` shows for
// a pair, here without coordinator, link and schedule.
//
// Usage: block_bench [--blocks N] [--microbatches M] [--frames F]
//                    [--deterministic] [--ffn-chunks C]
//                    [--weights bf16|fp8|fp8_compute] PLAN...
// PLAN: one block's eight letters as in activation_plan.h ("kkkkkkkk"). The
// forwards of all M micro-batches run first, then their backwards; the medians
// are over three rounds after one warm-up.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/dtype.h"
#include "common/base/status.h"
#include "common/model/known_variants.h"
#include "stage/kernels/cuda_runtime.h"
#include "stage/kernels/kernel_profile.h"
#include "stage/kernels/torch_guard.h"
#include "stage/train/compute_stream.h"
#include "stage/wan/wan_part.h"

namespace halfpipe {
namespace {

constexpr int kRounds = 3;

struct Options {
  int64_t blocks = 4;
  int32_t microbatches = 2;
  int64_t frames = 13;  // latent frames: 49 pixels
  int64_t ffn_chunks = 1;
  bool deterministic = false;
  WeightForm weights = WeightForm::kBf16;
  std::vector<std::string> plans;
};

struct Phase {
  std::vector<double> seconds;
  GroupSeconds groups = {};  // of the last round
};

Options ParseOptions(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--blocks") {
      options.blocks = std::atoll(argv[++i]);
    } else if (word == "--microbatches") {
      options.microbatches = std::atoi(argv[++i]);
    } else if (word == "--frames") {
      options.frames = LatentFrames(std::atoll(argv[++i]));
    } else if (word == "--ffn-chunks") {
      options.ffn_chunks = std::atoll(argv[++i]);
    } else if (word == "--weights") {
      options.weights = ParseWeightForm(argv[++i]).value_or(WeightForm::kBf16);
    } else if (word == "--deterministic") {
      options.deterministic = true;
    } else {
      options.plans.push_back(word);
    }
  }
  return options;
}

class Bench {
 public:
  explicit Bench(const Options& options) : options_(options) {}

  absl::Status Run(const std::string& plan) {
    HP_ASSIGN_OR_RETURN(ModelSpec wan, KnownModel("i2v-a14b", options_.blocks));
    HP_RETURN_IF_ERROR(Prepare(wan, plan));
    ResetPeakMemory(device_);
    Phase forward;
    Phase backward;
    for (int round = 0; round <= kRounds; ++round) {
      HP_RETURN_IF_ERROR(Forwards(round > 0 ? &forward : nullptr));
      HP_RETURN_IF_ERROR(Backwards(round > 0 ? &backward : nullptr));
    }
    HP_ASSIGN_OR_RETURN(DeviceMemory memory, ReadDeviceMemory(device_));
    std::printf("%s: peak %.1f GiB, host %.1f GiB\n", plan.c_str(),
                static_cast<double>(memory.process_peak_bytes) / (1 << 30),
                static_cast<double>(part_->offloaded_bytes()) / (1 << 30));
    Print("forward", forward);
    Print("backward", backward);
    part_.reset();
    return absl::OkStatus();
  }

 private:
  [[nodiscard]] BlockRange Blocks() const { return {0, options_.blocks}; }

  absl::Status Prepare(const ModelSpec& wan, const std::string& plan) {
    HP_ASSIGN_OR_RETURN(
        ActivationPlan parsed,
        ActivationPlan::Parse(absl::StrCat(options_.blocks, "*", plan)));
    StageModelOptions part;
    part.embeddings = part.head = false;
    part.blocks = {Blocks()};
    part.device = device_;
    part.compute = at::kBFloat16;
    part.weights = options_.weights;
    part.lora = LoraSpec();
    part.plan = parsed;
    part.ffn_chunks = options_.ffn_chunks;
    part.deterministic = options_.deterministic;
    HP_ASSIGN_OR_RETURN(
        part_, WanPart::Create(RandomWeights(wan, 1), part,
                               [](absl::string_view, const at::Tensor& out) {
                                 out.uniform_(0.0, 1.0);
                               }));
    return TorchGuard("inputs", [&] {
      const auto on_gpu = at::TensorOptions().device(device_);
      const auto bf16 = on_gpu.dtype(at::kBFloat16);
      conditioning_.grid = {options_.frames, 30, 52};
      conditioning_.context = at::randn({1, kTextTokens, wan.dim}, bf16);
      conditioning_.t_mod = at::randn({1, 1, 6, wan.dim}, on_gpu) * 0.1;
      x_ = at::randn({1, conditioning_.grid.tokens(), wan.dim}, bf16);
      return absl::OkStatus();
    });
  }

  template <typename Fn>
  absl::Status Timed(Phase* phase, Fn&& run) {
    HP_RETURN_IF_ERROR(SynchronizeCompute(device_));
    KernelProfile profile;
    if (phase != nullptr) profile.Start();
    const absl::Time begin = absl::Now();
    HP_RETURN_IF_ERROR(run());
    HP_RETURN_IF_ERROR(SynchronizeCompute(device_));
    if (phase == nullptr) return absl::OkStatus();
    phase->seconds.push_back(absl::ToDoubleSeconds(absl::Now() - begin));
    HP_ASSIGN_OR_RETURN(phase->groups, profile.Take());
    return absl::OkStatus();
  }

  absl::Status Forwards(Phase* phase) {
    return Timed(phase, [&]() -> absl::Status {
      for (int32_t m = 0; m < options_.microbatches; ++m) {
        HP_RETURN_IF_ERROR(
            part_->ForwardBlocks(Microbatch(m), Blocks(), conditioning_, x_)
                .status());
      }
      return absl::OkStatus();
    });
  }

  absl::Status Backwards(Phase* phase) {
    return Timed(phase, [&]() -> absl::Status {
      for (int32_t m = 0; m < options_.microbatches; ++m) {
        HP_RETURN_IF_ERROR(
            part_->BackwardBlocks(Microbatch(m), Blocks(), x_).status());
      }
      return absl::OkStatus();
    });
  }

  void Print(const char* name, Phase& phase) const {
    std::sort(phase.seconds.begin(), phase.seconds.end());
    const double share =
        1e3 / static_cast<double>(options_.blocks * options_.microbatches);
    const double total = phase.seconds[phase.seconds.size() / 2] * share;
    std::printf("  %-8s %6.2f ms a block:", name, total);
    double known = 0.0;
    for (size_t i = 0; i < kKernelGroups; ++i) {
      const double group = phase.groups[i] * share;
      known += group;
      if (group > 0.0) {
        std::printf(" %s %.2f,",
                    KernelGroupName(static_cast<KernelGroup>(i)).data(), group);
      }
    }
    std::printf(" rest %.2f\n", total - known);
  }

  const Options options_;
  const at::Device device_ = at::Device(at::kCUDA, 0);
  std::unique_ptr<WanPart> part_;
  Conditioning conditioning_;
  at::Tensor x_;
};

int Main(int argc, char** argv) {
  const Options options = ParseOptions(argc, argv);
  absl::Status status = EnsureCudaLoaded();
  const at::NoGradGuard no_grad;
  Bench bench(options);
  for (const std::string& plan : options.plans) {
    if (status.ok()) status = bench.Run(plan);
  }
  if (status.ok()) return 0;
  std::fprintf(stderr, "block_bench: %s\n", status.ToString().c_str());
  return 1;
}

}  // namespace
}  // namespace halfpipe

int main(int argc, char** argv) { return halfpipe::Main(argc, argv); }
