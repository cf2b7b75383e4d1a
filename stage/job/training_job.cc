#include "stage/job/training_job.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/base/steady_clock.h"
#include "common/jobs/random_sample.h"
#include "common/pipeline/schedule.h"
#include "common/store/checkpoint_manifest.h"
#include "common/store/tensor_archive.h"
#include "stage/job/data_set.h"
#include "stage/job/device.h"
#include "stage/job/lora_start.h"
#include "stage/job/reporting_weights.h"
#include "stage/job/step_record.h"
#include "stage/kernels/tensor_bridge.h"
#include "stage/kernels/torch_guard.h"
#include "stage/train/compute_stream.h"
#include "stage/train/philox.h"
#include "stage/train/segments.h"
#include "stage/train/train_state.h"
#include "stage/wan/boundary.h"
#include "stage/wan/load_stage_model.h"
#include "stage/wan/lora_targets.h"

namespace halfpipe {
namespace {

at::ScalarType DTypeOf(const JobConfig& config) {
  return config.pipeline.dtype == ComputeDType::kFp32 ? at::kFloat
                                                      : at::kBFloat16;
}

// Pieces of a stage's blocks in a schedule: a segment for each on every rank,
// and the head's. A single stage has two segments with blocks.
int32_t ChunksIn(const pipeline::ActionLists& lists) {
  const auto parts = std::max(2, static_cast<int32_t>(lists.size()));
  int32_t head = parts;
  for (const auto& list : lists) {
    for (const pipeline::Action& action : list) {
      if (action.op == pipeline::Op::kForward) {
        head = std::max(head, action.segment.value());
      }
    }
  }
  return head / parts;
}

UniformSource UniformsFor(uint64_t seed) {
  return [seed](absl::string_view name, const at::Tensor& out) {
    RandomStream::ForName(seed, name, RandomPurpose::kLoraInit)
        .FillUniform(out.mutable_data_ptr<float>(),
                     static_cast<size_t>(out.numel()), 0.0F, 1.0F);
  };
}

}  // namespace

TrainingJob::TrainingJob(const TrainingJobOptions& options,
                         const StartCommand& command)
    : options_(options), command_(command) {}

TrainingJob::~TrainingJob() { CloseLinks(absl::CancelledError("job ended")); }

absl::StatusOr<std::unique_ptr<TrainingJob>> TrainingJob::Create(
    const TrainingJobOptions& options, Epoch epoch, const StartCommand& command,
    std::stop_token stop) {
  std::unique_ptr<TrainingJob> job(new TrainingJob(options, command));
  const absl::Status started = TorchGuard("start job", [&]() -> absl::Status {
    const absl::Time begin = SteadyNow();
    HP_RETURN_IF_ERROR(job->Load());
    job->start_result_.load_seconds =
        absl::ToDoubleSeconds(SteadyNow() - begin);
    options.on_progress({.work = StageWork::kJoining});
    HP_RETURN_IF_ERROR(job->Join(epoch, std::move(stop)));
    HP_ASSIGN_OR_RETURN(DeviceMemory memory, ReadDeviceMemory(options.device));
    job->start_result_.device_bytes_in_use = memory.in_use_bytes;
    return absl::OkStatus();
  });
  if (started.ok()) return job;
  if (!absl::IsResourceExhausted(started) && !absl::IsInternal(started)) {
    job->Retire();
  }
  return started;
}

void TrainingJob::Retire() {
  TorchGuard("ending the job", [&] {
    CloseLinks(absl::CancelledError("job ended"));
    if (compute_ != nullptr) part_ = compute_->ReleaseModel();
    compute_.reset();
    if (part_ == nullptr || options_.resident == nullptr) {
      return absl::OkStatus();
    }
    part_->Retire();
    *options_.resident = {identity_, std::move(part_)};
    return absl::OkStatus();
  }).IgnoreError();
}

absl::Status TrainingJob::Load() {
  HP_RETURN_IF_ERROR(LoadConfig());
  HP_RETURN_IF_ERROR(LoadSchedule());
  HP_RETURN_IF_ERROR(
      LimitDeviceMemory(options_.device, config_.pipeline.gpu_memory_bytes));
  options_.on_progress({.work = StageWork::kOpeningModel});
  HP_RETURN_IF_ERROR(LoadPart());
  HP_RETURN_IF_ERROR(MakeSource());
  HP_RETURN_IF_ERROR(MakeCompute());
  return RestoreOrInit();
}

absl::Status TrainingJob::LoadConfig() {
  HP_ASSIGN_OR_RETURN(config_, ParseJobConfig(command_.config_yaml, "job"));
  SetExactArithmetic(static_cast<int32_t>(config_.pipeline.threads));
  compute_dtype_ = DTypeOf(config_);
  HP_ASSIGN_OR_RETURN(ModelSource model, ModelSource::Open(config_.model));
  HP_RETURN_IF_ERROR(model.CheckIsWhole());
  model_ = std::make_unique<ModelSource>(std::move(model));
  identity_ = model_->Identity();
  return absl::OkStatus();
}

absl::Status TrainingJob::LoadSchedule() {
  HP_ASSIGN_OR_RETURN(pipeline::ActionLists lists,
                      pipeline::ParseText(command_.schedule));
  if (pipeline::ScheduleHash(lists) != command_.schedule_hash) {
    return absl::DataLossError("the schedule does not match its hash");
  }
  const auto rank = static_cast<size_t>(options_.rank.value());
  if (rank >= lists.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the schedule has no actions for rank ", rank));
  }
  chunks_ = ChunksIn(lists);
  actions_ = std::move(lists[rank]);
  if (command_.evaluation_schedule.empty()) return absl::OkStatus();
  HP_ASSIGN_OR_RETURN(pipeline::ActionLists evaluation,
                      pipeline::ParseText(command_.evaluation_schedule));
  if (evaluation.size() != lists.size() || ChunksIn(evaluation) != chunks_) {
    return absl::InvalidArgumentError(
        "the evaluation's schedule has other ranks or segments than the steps");
  }
  evaluation_hash_ = pipeline::ScheduleHash(evaluation);
  evaluation_actions_ = std::move(evaluation[rank]);
  return absl::OkStatus();
}

absl::Status TrainingJob::LoadPart() {
  const int64_t layers = model_->spec().layers;
  const bool alone = command_.world == 1;
  const bool first = options_.rank == Rank(0);
  const int64_t most = layers - (command_.world - 1);
  if (!alone && (command_.split < 1 || command_.split > most)) {
    return absl::InvalidArgumentError(
        absl::StrCat("pipeline.split_at: ", command_.split, " of ", layers,
                     " blocks leaves a stage without one; write 1 to ", most));
  }
  segments_ = MakeSegments(layers, alone ? layers : command_.split,
                           command_.world, chunks_);
  const std::vector<BlockRange> blocks = BlocksOf(segments_, options_.rank);
  start_result_.layers = CountBlocks(blocks);
  const auto rank = static_cast<size_t>(options_.rank.value());
  if (rank >= command_.memory_plan.size() ||
      rank >= command_.ffn_chunks.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("no memory plan for rank ", rank));
  }
  HP_ASSIGN_OR_RETURN(ActivationPlan plan,
                      ActivationPlan::Parse(command_.memory_plan[rank]));
  return MakePart({.embeddings = first,
                   .head = first,
                   .blocks = blocks,
                   .device = options_.device,
                   .compute = compute_dtype_,
                   .weights = config_.model.weights,
                   .lora = config_.lora,
                   .plan = std::move(plan),
                   .ffn_chunks = command_.ffn_chunks[rank],
                   .masters_on_host = command_.optimizer_on_host,
                   .deterministic = config_.train.deterministic});
}

absl::Status TrainingJob::MakePart(const StageModelOptions& part) {
  const UniformSource uniforms =
      UniformsFor(static_cast<uint64_t>(config_.train.seed));
  ResidentModel none;
  ResidentModel& resident =
      options_.resident == nullptr ? none : *options_.resident;
  if (resident.model != nullptr && !identity_.empty() &&
      resident.identity == identity_ && resident.model->CanRenew(part)) {
    part_ = std::move(resident.model);
    LogInfo("the weights are those of the job before",
            {{"layers", start_result_.layers}});
    start_result_.weight_bytes_read = 0;
    return part_->Renew(part, uniforms);
  }
  if (resident.model != nullptr) {
    resident.model.reset();
    ReleaseCachedMemory(options_.device);
  }
  const absl::Time begin = SteadyNow();
  const ReportingWeights weights(&model_->weights(), options_.on_progress);
  HP_ASSIGN_OR_RETURN(part_, LoadStageModel(weights, part, uniforms));
  options_.on_progress({.work = StageWork::kPreparingModel});
  HP_RETURN_IF_ERROR(SynchronizeCompute(options_.device));
  const double seconds = absl::ToDoubleSeconds(SteadyNow() - begin);
  start_result_.weight_bytes_read = model_->weights().bytes_read();
  const double gib =
      static_cast<double>(*start_result_.weight_bytes_read) / (1 << 30);
  LogInfo("model loaded",
          {{"layers", start_result_.layers},
           {"read_gib", absl::StrFormat("%.2f", gib)},
           {"seconds", absl::StrFormat("%.2f", seconds)},
           {"gib_per_second", absl::StrFormat("%.2f", gib / seconds)}});
  return absl::OkStatus();
}

absl::Status TrainingJob::MakeSource() {
  if (options_.rank != Rank(0)) return absl::OkStatus();
  HP_ASSIGN_OR_RETURN(FlowMatchSchedule schedule,
                      FlowMatchSchedule::Create(config_.train.timesteps));
  TrainingSourceOptions options;
  options.seed = static_cast<uint64_t>(config_.train.seed);
  options.evaluation_seed = static_cast<uint64_t>(config_.validation.seed);
  if (config_.data.is_random()) {
    options.random_latents_shape = RandomLatentsShape(config_, model_->spec());
    options.random_y_shape = RandomConditionShape(config_, model_->spec());
    options.random_text_dim = model_->spec().text_dim;
    HP_ASSIGN_OR_RETURN(options.random_extra,
                        RandomExtraShapes(config_, model_->spec()));
  } else if (config_.train.caption_dropout > 0.0) {
    options.caption_dropout = config_.train.caption_dropout;
    HP_ASSIGN_OR_RETURN(options.empty_context_path, EmptyCaptionPath(config_));
  }
  source_ =
      std::make_unique<TrainingSource>(std::move(options), std::move(schedule));
  return absl::OkStatus();
}

absl::Status TrainingJob::MakeCompute() {
  HP_ASSIGN_OR_RETURN(std::vector<std::string> modules,
                      LoraModules(model_->spec(), config_.lora));
  const OptimizerConfig& optimizer = config_.train.optimizer;
  TrainingComputeOptions stage{
      .rank = options_.rank,
      .device = options_.device,
      .compute = compute_dtype_,
      .segments = segments_,
      .tensor_owners = LoraTensorOwners(model_->spec(), segments_, modules),
      .max_grad_norm = config_.train.max_grad_norm,
      .profile = config_.pipeline.profile,
      .optimizer = {.beta1 = optimizer.betas[0],
                    .beta2 = optimizer.betas[1],
                    .eps = optimizer.eps,
                    .weight_decay = optimizer.weight_decay},
      .optimizer_on_host = command_.optimizer_on_host,
      .skip_nonfinite = config_.train.on_nonfinite == NonFinitePolicy::kSkip,
      .shape_of =
          [this](const StepPlan& plan, Microbatch microbatch) {
            return ShapeOf(
                plan.microbatches[static_cast<size_t>(microbatch.value())]
                    .latents_path);
          },
      .on_gradients =
          [rank = options_.rank](const StepPlan& plan,
                                 const std::vector<LoraAdapter*>& adapters) {
            return plan.record_dir.empty()
                       ? absl::OkStatus()
                       : RecordGradients(plan, rank, adapters);
          },
      .on_loss =
          [](const MicrobatchRecord& record) {
            return record.plan->record_dir.empty() ? absl::OkStatus()
                                                   : RecordMicrobatch(record);
          }};
  compute_ = std::make_unique<TrainingCompute>(std::move(stage),
                                               std::move(part_), source_.get());
  return absl::OkStatus();
}

absl::Status TrainingJob::RestoreOrInit() {
  const absl::Span<LoraAdapter* const> span = compute_->model().adapters();
  const std::vector<LoraAdapter*> adapters(span.begin(), span.end());
  if (!command_.resume_from.empty()) {
    return RestoreShards(command_.resume_from, adapters,
                         &compute_->optimizer());
  }
  if (config_.lora.init_from.empty()) return absl::OkStatus();
  return StartFromLora(config_.lora, model_->spec(), adapters);
}

absl::StatusOr<MicrobatchShape> TrainingJob::ShapeOf(
    const std::string& latents_path) {
  auto it = latent_shapes_.find(latents_path);
  if (it == latent_shapes_.end()) {
    Shape shape;
    if (IsRandomSampleName(latents_path)) {
      shape = RandomLatentsShape(config_, model_->spec());
    } else {
      HP_ASSIGN_OR_RETURN(std::unique_ptr<TensorArchive> archive,
                          OpenTensorArchive(latents_path));
      auto tensor = archive->tensors().find("latents");
      if (tensor == archive->tensors().end() ||
          tensor->second.shape.size() != 5) {
        return absl::DataLossError(absl::StrCat(
            latents_path, ": no tensor 'latents' of 5 dimensions; delete it"));
      }
      shape = tensor->second.shape;
    }
    it = latent_shapes_.emplace(latents_path, std::move(shape)).first;
  }
  const Shape& latents = it->second;
  return MicrobatchShape{.batch = latents[0],
                         .frames = latents[2],
                         .rows = latents[3],
                         .columns = latents[4],
                         .text_tokens = kTextTokens};
}

absl::Status TrainingJob::Join(Epoch epoch, std::stop_token stop) {
  if (command_.first_samples.empty()) {
    return absl::InvalidArgumentError("the data set is empty");
  }
  HP_ASSIGN_OR_RETURN(MicrobatchShape shape,
                      ShapeOf(command_.first_samples[0].latents_path));
  HP_ASSIGN_OR_RETURN(DType dtype, ToDType(compute_dtype_));
  HP_ASSIGN_OR_RETURN(BoundarySpec boundary,
                      MakeBoundarySpec(model_->spec(), shape, dtype));
  start_result_.boundary_digest = boundary.Digest();
  HP_RETURN_IF_ERROR(JoinNeighbours(epoch, std::move(stop)));
  runner_ = std::make_unique<StageRunner>(compute_.get(), Neighbours());
  return absl::OkStatus();
}

absl::StatusOr<StepReport> TrainingJob::RunStep(const StepPlan& plan,
                                                std::stop_token stop) {
  if (plan.schedule_hash !=
      (plan.evaluation ? evaluation_hash_ : command_.schedule_hash)) {
    return absl::InvalidArgumentError("the plan names another schedule");
  }
  if (runner_ == nullptr) {
    return absl::FailedPreconditionError("the pair is not joined");
  }
  absl::StatusOr<StepReport> report = runner_->RunStep(
      plan, plan.evaluation ? evaluation_actions_ : actions_, std::move(stop));
  if (plan.evaluation) return report;  // the weights are what they were
  if (report.ok()) steps_done_ = plan.step.value() + 1;
  if (!report.ok() && runner_->weights_in_doubt()) steps_done_.reset();
  return report;
}

absl::StatusOr<SaveResult> TrainingJob::Save(const std::string& directory) {
  const absl::Span<LoraAdapter* const> span = compute_->model().adapters();
  const std::string name = ShardName(options_.rank);
  HP_RETURN_IF_ERROR(SaveShard(directory + "/" + name,
                               {span.begin(), span.end()},
                               compute_->optimizer()));
  HP_ASSIGN_OR_RETURN(FileEntry entry, DescribeFile(directory, name));
  return SaveResult{.files = {std::move(entry)}};
}

}  // namespace halfpipe
