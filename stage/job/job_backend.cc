#include "stage/job/job_backend.h"

#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/base/host_memory.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/config/job_config.h"
#include "stage/job/arithmetic_name.h"
#include "stage/job/data_set.h"
#include "stage/job/device.h"
#include "stage/job/job_scan.h"
#include "stage/kernels/torch_guard.h"
#ifdef HP_WITH_CUDA
#include "common/plan/rates.h"
#include "stage/job/known_rates.h"
#endif
#include "common/model/linear_shapes.h"
#include "common/store/checkpoint_manifest.h"
#include "common/store/lora_file.h"
#include "stage/job/model_source.h"
#include "stage/job/sample_encoder.h"
#include "stage/job/sample_inspector.h"
#include "stage/job/scan_problems.h"
#include "stage/job/training_job.h"
#include "stage/train/compute_stream.h"
#include "stage/train/train_state.h"

namespace halfpipe {
namespace {

absl::Status NoJob() {
  return absl::FailedPreconditionError("no job is started on this stage");
}

class JobBackend : public StageBackend {
 public:
  JobBackend(JobBackendOptions options, at::Device device,
             int64_t device_total_bytes)
      : options_(std::move(options)),
        device_(device),
        device_total_bytes_(device_total_bytes) {}

  absl::StatusOr<ScanResult> Scan(const ScanCommand& command,
                                  std::stop_token stop) override {
    return TorchGuard("scan", [&]() -> absl::StatusOr<ScanResult> {
      HP_ASSIGN_OR_RETURN(JobConfig config,
                          ParseJobConfig(command.config_yaml, "job"));
      const auto say = [this](const StageProgress& progress) {
        SetProgress(progress);
      };
      const auto probe = [&](const std::vector<DecodeItem>& items) {
        return InspectMedia(
            items,
            {.decoder = {.program = options_.decoder_program},
             .on_progress =
                 [&say](size_t done, size_t count) {
                   say({StageWork::kLookingAtMedia, static_cast<int64_t>(done),
                        static_cast<int64_t>(count)});
                 },
             .stop = stop});
      };
      absl::StatusOr<ScanResult> scanned = ScanJob(config, say, probe);
      if (!IsWrongWithJob(scanned.status())) return scanned;
      return ScanResult{.variant = "",
                        .samples = SamplesBesideProblems(config.data),
                        .problems = scanned.status()};
    });
  }

  absl::StatusOr<EncodeResult> Encode(const EncodeCommand& command,
                                      std::stop_token stop) override {
    HP_ASSIGN_OR_RETURN(JobConfig config,
                        ParseJobConfig(command.config_yaml, "job"));
    // The encoders need the room that an ended job's weights have.
    if (!command.samples.empty() && !command.inspect) DropWeights();
    SetExactArithmetic(static_cast<int32_t>(config.pipeline.threads));
    absl::StatusOr<ModelSource> model = ModelSource::Open(config.model);
    if (command.inspect) {
      // Without a model, media are looked at beside what is wrong with it.
      return InspectSamples(
          config, model.ok() ? &model->spec() : nullptr, command.samples,
          {.decoder_program = options_.decoder_program,
           .on_progress = [this](const StageProgress& at) { SetProgress(at); }},
          std::move(stop));
    }
    HP_RETURN_IF_ERROR(model.status());
    return EncodeSamples(
        config, model->spec(), command.samples,
        {.device = device_,
         .decoder_program = options_.decoder_program,
         .on_progress = [this](const StageProgress& at) { SetProgress(at); }},
        std::move(stop));
  }

  absl::StatusOr<OpenLinkResult> OpenLink(const OpenLinkCommand& command,
                                          std::stop_token /*stop*/) override {
    OpenLinkResult result;
    HP_ASSIGN_OR_RETURN(result.rendezvous, options_.links->Open(command.kind));
    for (int32_t link = 1; link < command.links; ++link) {
      HP_ASSIGN_OR_RETURN(result.further.emplace_back(),
                          options_.links->Open(command.kind));
    }
    return result;
  }

  absl::StatusOr<StartResult> Start(Epoch epoch, const StartCommand& command,
                                    std::stop_token stop) override {
    if (command.continue_at > 0) {
      return Continue(epoch, command, std::move(stop));
    }
    EndJob();
    HP_ASSIGN_OR_RETURN(
        std::unique_ptr<TrainingJob> job,
        TrainingJob::Create(
            {.rank = options_.rank,
             .device = device_,
             .links = options_.links,
             .on_progress =
                 [this](const StageProgress& at) { SetProgress(at); },
             .resident = &resident_},
            epoch, command, std::move(stop)));
    StartResult result = job->start_result();
    ReplaceJob(std::move(job)).reset();
    SetProgress({.work = StageWork::kTraining});
    return result;
  }

  absl::StatusOr<StepResult> Step(const StepCommand& command,
                                  std::stop_token stop) override {
    if (job_ == nullptr) return NoJob();
    HP_ASSIGN_OR_RETURN(StepReport report,
                        job_->RunStep(command.plan, std::move(stop)));
    absl::MutexLock lock(&mutex_);
    device_bytes_in_use_ = report.device_bytes_in_use;
    return StepResult{.report = std::move(report)};
  }

  absl::StatusOr<SaveResult> Save(const SaveCommand& command,
                                  std::stop_token /*stop*/) override {
    if (job_ == nullptr) return NoJob();
    return job_->Save(command.directory);
  }

  absl::StatusOr<ExportResult> Export(const ExportCommand& command,
                                      std::stop_token /*stop*/) override {
    HP_ASSIGN_OR_RETURN(JobConfig config,
                        ParseJobConfig(command.config_yaml, "job"));
    HP_ASSIGN_OR_RETURN(ModelSource model, ModelSource::Open(config.model));
    const LinearShapes base = LinearShapesOf(model.spec());
    std::vector<at::Tensor> storage;
    std::vector<LoraMatrices> adapters;
    HP_RETURN_IF_ERROR(
        ReadShardAdapters(command.directory, &storage, &adapters));
    ExportResult result;
    for (const std::string& name : command.formats) {
      const std::optional<LoraFormat> format = ParseLoraFormat(name);
      if (!format.has_value()) {
        return absl::InvalidArgumentError(absl::StrCat(
            "output.formats: '", name, "' is none of ", LoraFormatNames()));
      }
      const std::string file = absl::StrCat("lora.", name, ".safetensors");
      HP_RETURN_IF_ERROR(ExportLora(command.directory + "/" + file,
                                    {.format = *format,
                                     .adapters = adapters,
                                     .alpha = config.lora.alpha,
                                     .dtype = DType::kBF16,
                                     .base = &base,
                                     .metadata = command.metadata}));
      HP_ASSIGN_OR_RETURN(FileEntry entry,
                          DescribeFile(command.directory, file));
      result.files.push_back(std::move(entry));
    }
    return result;
  }

  absl::StatusOr<EndResult> End(const EndCommand& /*command*/,
                                std::stop_token /*stop*/) override {
    EndJob();
    SetProgress({.work = StageWork::kIdle});
    return EndResult{};
  }

  std::shared_ptr<const LoadedJob> loaded() const override {
    return job_ == nullptr ? nullptr : job_->loaded();
  }

  StageActivity activity() const override {
    absl::MutexLock lock(&mutex_);
    StageActivity activity{.progress = progress_,
                           .device_bytes_in_use = device_bytes_in_use_,
                           .device_total_bytes = device_total_bytes_};
    if (job_ != nullptr) {
      const StepPosition progress = job_->progress();
      activity.step = progress.step;
      activity.action_index = progress.action_index;
    }
    return activity;
  }

 private:
  void SetProgress(const StageProgress& progress) {
    absl::MutexLock lock(&mutex_);
    progress_ = progress;
  }

  // The job before, which ends outside the lock: freeing it takes a while.
  // Only the worker's thread writes job_; the lock is for activity().
  std::unique_ptr<TrainingJob> ReplaceJob(std::unique_ptr<TrainingJob> job) {
    absl::MutexLock lock(&mutex_);
    std::swap(job_, job);
    return job;
  }

  absl::StatusOr<StartResult> Continue(Epoch epoch, const StartCommand& command,
                                       std::stop_token stop) {
    if (job_ == nullptr || !job_->CanContinue(command)) {
      return absl::AbortedError(absl::StrCat(
          "this stage does not hold the job at step ", command.continue_at));
    }
    // Out of activity()'s sight meanwhile.
    std::unique_ptr<TrainingJob> job = ReplaceJob(nullptr);
    const absl::Status joined = job->Rejoin(epoch, command, std::move(stop));
    StartResult result = job->start_result();
    ReplaceJob(std::move(job)).reset();
    if (!joined.ok()) return joined;
    SetProgress({.work = StageWork::kTraining});
    return result;
  }

  // Its weights stay for the next job; all else goes back to the device.
  void EndJob() {
    std::unique_ptr<TrainingJob> job = ReplaceJob(nullptr);
    if (job == nullptr) return;
    job->Retire();
    job.reset();
    ReleaseCachedMemory(device_);
  }

  void DropWeights() {
    EndJob();
    if (resident_.model == nullptr) return;
    LogInfo("the weights make room for the encoders");
    resident_.model.reset();
    ReleaseCachedMemory(device_);
  }

  const JobBackendOptions options_;
  const at::Device device_;
  const int64_t device_total_bytes_;
  mutable absl::Mutex mutex_;
  ResidentModel resident_;  // the worker's thread alone
  std::unique_ptr<TrainingJob> job_;
  StageProgress progress_ ABSL_GUARDED_BY(mutex_) = {.work = StageWork::kIdle};
  int64_t device_bytes_in_use_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace

namespace {

// StageInfo's device_rates; empty where nothing could be measured.
std::string RatesTextOf(at::Device device) {
#ifdef HP_WITH_CUDA
  if (device.is_cuda()) {
    const absl::StatusOr<DeviceRates> rates =
        KnownRates(device, KnownRatesOptionsOfEnvironment());
    if (rates.ok()) {
      std::string text = RatesText({*rates});
      LogInfo("what the device does", {{"rates", text}});
      return text;
    }
    LogWarning("the device was not measured: jobs get no memory plan",
               {{"reason", rates.status().message()}});
  }
#endif
  (void)device;
  return "";
}

}  // namespace

absl::StatusOr<JobStage> CreateJobStage(const JobBackendOptions& options) {
  HP_ASSIGN_OR_RETURN(at::Device device,
                      SelectDevice(options.device, options.rank));
  HP_ASSIGN_OR_RETURN(DeviceFacts facts, DescribeDevice(device));
  JobStage stage;
  stage.info.rank = options.rank;
  stage.info.device = device.str();
  stage.info.device_name = facts.name;
  stage.info.gpu_uuid = facts.uuid;
  stage.info.device_total_bytes = facts.total_bytes;
  stage.info.device_free_bytes = facts.free_bytes;
  stage.info.host_available_bytes = AvailableHostBytes();
  stage.info.device_rates = RatesTextOf(device);
  stage.info.arithmetic = ArithmeticName();
  stage.backend =
      std::make_unique<JobBackend>(options, device, facts.total_bytes);
  return stage;
}

}  // namespace halfpipe
