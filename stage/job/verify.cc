#include "stage/job/verify.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "common/base/dtype.h"
#include "common/base/file.h"
#include "common/base/status.h"
#include "common/base/steady_clock.h"
#include "common/model/checkpoint.h"
#include "common/pipeline/schedule.h"
#include "common/plan/activation_plan.h"
#include "stage/job/comparison.h"
#include "stage/job/device.h"
#include "stage/job/golden_file.h"
#include "stage/kernels/tensor_bridge.h"
#include "stage/kernels/torch_guard.h"
#include "stage/runtime/stage_runner.h"
#include "stage/train/sample_store.h"
#include "stage/train/segments.h"
#include "stage/train/training_compute.h"
#include "stage/wan/boundary.h"
#include "stage/wan/load_stage_model.h"
#include "stage/wan/weight_source.h"

namespace halfpipe {
namespace {

constexpr absl::Duration kPeerLimit = absl::Minutes(2);

// What the run produced on this rank.
struct Outcome {
  std::map<std::string, at::Tensor> gradients;  // by golden key
  at::Tensor prediction;                        // head's rank
  at::Tensor loss;
};

absl::Status Usage(absl::string_view option, absl::string_view value,
                   absl::string_view allowed) {
  return absl::InvalidArgumentError(
      absl::StrCat("--", option, " ", value, ": expected ", allowed));
}

absl::StatusOr<at::ScalarType> ParseCompute(const std::string& name) {
  if (name == "fp32") return at::kFloat;
  if (name == "bf16") return at::kBFloat16;
  return Usage("dtype", name, "fp32 or bf16");
}

// The two processes tell each other how far they are by files in the folder
// that they share, which appear whole.
absl::Status WaitForFile(const std::string& path) {
  const absl::Time deadline = SteadyNow() + kPeerLimit;
  while (!std::filesystem::exists(path)) {
    if (SteadyNow() > deadline) {
      return absl::DeadlineExceededError(
          absl::StrCat("the other stage did not write ", path));
    }
    absl::SleepFor(absl::Milliseconds(20));
  }
  return absl::OkStatus();
}

// The LoRA targets are exactly the golden's modules.
LoraSpec SpecOf(const GoldenFile& golden) {
  LoraSpec spec{.rank = golden.rank, .alpha = golden.alpha, .targets = {}};
  for (const auto& [module, adapter] : golden.lora) {
    spec.targets.push_back(module);
  }
  return spec;
}

absl::Status SetLora(const GoldenFile& golden, StageModel* part) {
  for (LoraAdapter* adapter : part->adapters()) {
    const GoldenFile::Adapter& values = golden.lora.at(adapter->module);
    const bool fits = values.a.sizes() == adapter->a.master.sizes() &&
                      values.b.sizes() == adapter->b.master.sizes();
    if (!fits) {
      return absl::InvalidArgumentError(
          absl::StrCat("golden file: the LoRA of ", adapter->module,
                       " does not fit the model's layer of ", adapter->in,
                       " inputs and ", adapter->out, " outputs"));
    }
    adapter->a.master.copy_(values.a);
    adapter->b.master.copy_(values.b);
  }
  return part->RefreshComputeCopies();
}

// One run of one rank, from the opened files to the outcome.
class VerifyRun {
 public:
  VerifyRun(Rank rank, const VerifyOptions& options, LinkFactory* links)
      : rank_(rank), options_(options), links_(links) {}

  absl::Status Prepare() {
    absl::StatusOr<WanCheckpoint> checkpoint =
        OpenWanCheckpoint(options_.model);
    HP_ASSIGN_OR_RETURN(
        golden_,
        ReadGoldenFile(options_.golden,
                       checkpoint.ok() ? checkpoint->variant.spec.extra_inputs
                                       : std::vector<ModelInput>()));
    HP_ASSIGN_OR_RETURN(checkpoint_, std::move(checkpoint));
    HP_ASSIGN_OR_RETURN(compute_, ParseCompute(options_.dtype));
    HP_ASSIGN_OR_RETURN(device_, SelectDevice(options_.device, rank_));
    HP_ASSIGN_OR_RETURN(GoldenSource source,
                        GoldenSource::Create(&golden_, options_.micro_batches));
    source_ = std::make_unique<GoldenSource>(std::move(source));
    HP_RETURN_IF_ERROR(BuildActions());
    return BuildCompute();
  }

  absl::StatusOr<Outcome> Run() {
    if (options_.stages == 2) {
      HP_ASSIGN_OR_RETURN(link_, JoinPeer());
    }
    StageRunner runner(stage_.get(), link_.get());
    StepPlan plan;
    plan.microbatches.resize(static_cast<size_t>(options_.micro_batches));
    HP_RETURN_IF_ERROR(runner.RunStep(plan, actions_, {}).status());
    for (const LoraAdapter* adapter : stage_->model().adapters()) {
      outcome_.gradients[GoldenLoraKey(adapter->module, false)] =
          adapter->a.grad.cpu();
      outcome_.gradients[GoldenLoraKey(adapter->module, true)] =
          adapter->b.grad.cpu();
    }
    if (!predictions_.empty()) outcome_.prediction = at::cat(predictions_, 0);
    return std::move(outcome_);
  }

  [[nodiscard]] const GoldenFile& golden() const { return golden_; }

 private:
  absl::Status BuildActions() {
    HP_ASSIGN_OR_RETURN(pipeline::ScheduleName name,
                        pipeline::ParseScheduleName(options_.schedule));
    HP_ASSIGN_OR_RETURN(
        pipeline::Schedule schedule,
        pipeline::BuildSchedule({.name = name,
                                 .microbatches = options_.micro_batches,
                                 .stages = options_.stages}));
    chunks_ = pipeline::ChunksOf(schedule.options);
    for (const pipeline::Action& action :
         schedule.ranks[static_cast<size_t>(rank_.value())]) {
      // The gradients are the result: they are neither clipped nor applied.
      if (action.op == pipeline::Op::kExchangeGradNorm) continue;
      if (action.op == pipeline::Op::kOptimizerStep) continue;
      actions_.push_back(action);
    }
    return absl::OkStatus();
  }

  absl::Status BuildCompute() {
    const ModelSpec& model_spec = checkpoint_.variant.spec;
    const int64_t split = model_spec.layers / 2;
    const bool both = options_.stages == 1;
    const bool first = rank_ == Rank(0);
    const std::optional<ActivationPolicy> policy =
        ParseActivationPolicy(options_.memory);
    if (!policy.has_value()) {
      return Usage("memory", options_.memory, "keep, offload or recompute");
    }
    if (options_.stages == 2 && model_spec.layers < 2) {
      return absl::InvalidArgumentError("--stages 2 needs at least two blocks");
    }
    std::vector<SegmentContent> segments =
        MakeSegments(model_spec.layers, both ? model_spec.layers : split,
                     options_.stages, chunks_);
    const std::vector<BlockRange> blocks = BlocksOf(segments, rank_);
    CheckpointWeights weights(&checkpoint_);
    HP_ASSIGN_OR_RETURN(
        std::unique_ptr<StageModel> part,
        LoadStageModel(
            weights,
            {.embeddings = first,
             .head = first,
             .blocks = blocks,
             .device = device_,
             .compute = compute_,
             .weights = *ParseWeightForm(options_.weights),
             .lora = SpecOf(golden_),
             .plan = ActivationPlan::Uniform(*policy, CountBlocks(blocks))},
            [](absl::string_view, const at::Tensor& out) { out.zero_(); }));
    HP_RETURN_IF_ERROR(SetLora(golden_, part.get()));
    TrainingComputeOptions stage_options{
        .rank = rank_,
        .device = device_,
        .compute = compute_,
        .segments = std::move(segments),
        .shape_of =
            [this](const StepPlan&, Microbatch microbatch) {
              return source_->ShapeOfPart(microbatch);
            },
        .on_loss =
            [this](const MicrobatchRecord& record) {
              return KeepResult(record);
            }};
    stage_ = std::make_unique<TrainingCompute>(std::move(stage_options),
                                               std::move(part), source_.get());
    return absl::OkStatus();
  }

  absl::Status KeepResult(const MicrobatchRecord& record) {
    predictions_.push_back(record.prediction.cpu());
    const at::Tensor share =
        record.loss.cpu() * source_->ShareOf(record.microbatch);
    outcome_.loss = outcome_.loss.defined() ? outcome_.loss + share : share;
    return absl::OkStatus();
  }

  absl::StatusOr<std::unique_ptr<PeerLink>> JoinPeer() {
    const std::string kind = device_.is_cuda() ? "nccl" : "local";
    const std::string path = options_.link_dir + "/rendezvous";
    std::string rendezvous;
    if (rank_ == Rank(0)) {
      HP_ASSIGN_OR_RETURN(rendezvous, links_->Open(kind));
      HP_RETURN_IF_ERROR(WriteFileAtomically(path, rendezvous));
    } else {
      HP_RETURN_IF_ERROR(WaitForFile(path));
      HP_ASSIGN_OR_RETURN(rendezvous, ReadFile(path));
    }
    HP_ASSIGN_OR_RETURN(MicrobatchShape shape,
                        source_->ShapeOfPart(Microbatch(0)));
    HP_ASSIGN_OR_RETURN(DType dtype, ToDType(compute_));
    HP_ASSIGN_OR_RETURN(
        BoundarySpec boundary,
        MakeBoundarySpec(checkpoint_.variant.spec, shape, dtype));
    return links_->Join({.kind = kind,
                         .rank = rank_,
                         .peer = Rank(rank_ == Rank(0) ? 1 : 0),
                         .rendezvous = rendezvous,
                         .boundary_digest = boundary.Digest(),
                         .device = device_.is_cuda() ? device_.index() : 0});
  }

  Rank rank_;
  const VerifyOptions& options_;
  LinkFactory* links_;
  GoldenFile golden_;
  WanCheckpoint checkpoint_;
  at::ScalarType compute_ = at::kFloat;
  at::Device device_ = at::kCPU;
  std::unique_ptr<GoldenSource> source_;
  int32_t chunks_ = 1;
  std::vector<pipeline::Action> actions_;
  std::unique_ptr<TrainingCompute> stage_;
  std::unique_ptr<PeerLink> link_;
  std::vector<at::Tensor> predictions_;
  Outcome outcome_;
};

std::string PeerResultPath(const VerifyOptions& options) {
  return options.link_dir + "/stage1.safetensors";
}

// Neither rank may let go of its link before both are done: a link that closes
// ends the peer's transfers.
std::string DonePath(const VerifyOptions& options) {
  return options.link_dir + "/stage0.done";
}

absl::Status DeliverGradients(const VerifyOptions& options,
                              const Outcome& outcome) {
  NamedTensors tensors(outcome.gradients.begin(), outcome.gradients.end());
  HP_RETURN_IF_ERROR(WriteTensorFile(PeerResultPath(options), tensors));
  return WaitForFile(DonePath(options));
}

absl::Status CollectGradients(const VerifyOptions& options, Outcome* outcome) {
  HP_RETURN_IF_ERROR(WaitForFile(PeerResultPath(options)));
  HP_ASSIGN_OR_RETURN(auto tensors, ReadTensorFile(PeerResultPath(options)));
  outcome->gradients.merge(tensors);
  return WriteFileAtomically(DonePath(options), "");
}

ErrorBounds BoundsFor(const VerifyOptions& options) {
  const bool rounded_weights = options.weights != "bf16";
  const bool exact = options.dtype == "fp32" && !rounded_weights;
  // Weights rounded to 8 bits are other weights than the golden file's.
  const double usual = rounded_weights ? 1e-1 : 2e-2;
  const double total = options.tolerance.value_or(exact ? 1e-4 : usual);
  // Rounded, a single small tensor may be off by more than the whole.
  return {.total = total, .per_tensor = exact ? total : 2.5 * total};
}

bool PrintComparison(const GoldenFile& golden, const Outcome& outcome,
                     const ErrorBounds& bounds) {
  std::vector<GroupResult> results = {
      CompareOne("prediction", outcome.prediction, golden.prediction,
                 bounds.total),
      CompareOne("loss", outcome.loss, golden.loss, bounds.total)};
  for (GroupResult& result :
       CompareGradients(outcome.gradients, golden.gradients, bounds)) {
    results.push_back(std::move(result));
  }
  bool within = true;
  for (const GroupResult& result : results) {
    within = within && result.within;
    absl::PrintF("%-4s %-32s tensors %4d  worst %.3e  bound %.1e  %s\n",
                 result.within ? "ok" : "FAIL", result.group, result.tensors,
                 result.worst, result.bound, result.worst_name);
  }
  absl::PrintF("%s\n", within ? "verify: within the bounds"
                              : "verify: NOT within the bounds");
  std::fflush(stdout);
  return within;
}

absl::Status WriteOutcome(const std::string& path, const Outcome& outcome) {
  NamedTensors tensors = {{"out.prediction", outcome.prediction},
                          {"out.loss", outcome.loss}};
  for (const auto& [key, gradient] : outcome.gradients) {
    tensors.emplace_back("grad." + key, gradient);
  }
  return WriteTensorFile(path, tensors);
}

absl::Status CheckOptions(const VerifyOptions& options) {
  if (options.stages != 1 && options.stages != 2) {
    return Usage("stages", absl::StrCat(options.stages), "1 or 2");
  }
  if (!ParseWeightForm(options.weights).has_value()) {
    return Usage("weights", options.weights, "bf16, fp8 or fp8_compute");
  }
  if (options.stages == 2 && options.link_dir.empty()) {
    return Usage("link", "(none)", "the folder that both stages share");
  }
  // Results under the golden file's name would replace its inputs.
  std::error_code not_there;
  if (std::filesystem::equivalent(options.write, options.golden, not_there)) {
    return Usage("write", options.write, "another file than --golden");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<bool> RunVerify(Rank rank, const VerifyOptions& options,
                               LinkFactory* links) {
  HP_RETURN_IF_ERROR(CheckOptions(options));
  return TorchGuard("verify", [&]() -> absl::StatusOr<bool> {
    SetExactArithmetic(options.threads);
    VerifyRun run(rank, options, links);
    HP_RETURN_IF_ERROR(run.Prepare());
    HP_ASSIGN_OR_RETURN(Outcome outcome, run.Run());
    if (rank == Rank(1)) {
      HP_RETURN_IF_ERROR(DeliverGradients(options, outcome));
      return true;
    }
    if (options.stages == 2) {
      HP_RETURN_IF_ERROR(CollectGradients(options, &outcome));
    }
    if (!options.write.empty()) {
      HP_RETURN_IF_ERROR(WriteOutcome(options.write, outcome));
    }
    return PrintComparison(run.golden(), outcome, BoundsFor(options));
  });
}

}  // namespace halfpipe
