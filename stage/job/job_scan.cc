#include "stage/job/job_scan.h"

#include <optional>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/model/linear_shapes.h"
#include "common/store/model_file_kind.h"
#include "stage/job/archive_fingerprint.h"
#include "stage/job/caption_lengths.h"
#include "stage/job/data_set.h"
#include "stage/job/job_encoders.h"
#include "stage/job/lora_start.h"
#include "stage/job/model_source.h"
#include "stage/job/model_support.h"
#include "stage/job/scan_problems.h"
#include "stage/wan/lora_targets.h"

namespace halfpipe {
namespace {

// One scan: each method looks at a part, notes what is wrong with it, and goes
// on.
class JobScan {
 public:
  JobScan(const JobConfig& config, const ProgressCallback& on_progress,
          const MediaProbe& probe)
      : config_(config), on_progress_(on_progress), probe_(probe) {}

  absl::StatusOr<ScanResult> Run() {
    on_progress_({.work = StageWork::kReadingHeaders});
    model_ = problems_.Take(ModelSource::Open(config_.model));
    LookAtModel();
    if (!config_.data.is_random()) {
      LookAtEncoders();
      LookAtRows();
    }
    HP_RETURN_IF_ERROR(problems_.ToStatus());
    HP_RETURN_IF_ERROR(TakeFingerprints());
    HP_RETURN_IF_ERROR(TakeDataSet());
    return std::move(result_);
  }

 private:
  void Warn(const std::vector<std::string>& warnings) {
    result_.warnings.insert(result_.warnings.end(), warnings.begin(),
                            warnings.end());
  }

  void LookAtModel() {
    if (!model_.has_value()) {
      LookAtLoraFile();
      return;
    }
    const ModelSpec& model_spec = model_->spec();
    result_.variant = model_spec.Description();
    result_.model = model_spec;
    absl::Status usable = CheckCanTrain(config_, model_spec);
    problems_.Add(usable.ok() ? model_->CheckIsWhole() : usable);
    problems_.Add(CheckPictureSize(config_.data, model_spec));
    Warn(ModelWarnings(config_, model_spec));
    LookAtLora(model_spec);
  }

  // False where there is a problem with it.
  bool LookAtLoraFile() {
    return config_.lora.init_from.empty() ||
           problems_.Take(OpenModelPart(
               "lora.init_from", config_.lora.init_from, ModelFileKind::kLora));
  }

  void LookAtLora(const ModelSpec& model_spec) {
    const std::optional<std::vector<std::string>> modules =
        problems_.Take(LoraModules(model_spec, config_.lora));
    if (!modules.has_value()) return;
    const LinearShapes shapes = LinearShapesOf(model_spec);
    for (const std::string& module : *modules) {
      const LinearShape& shape = shapes.at(module);
      result_.lora_parameters += config_.lora.rank * (shape.in + shape.out);
    }
    if (!LookAtLoraFile()) return;
    const std::optional<LoraStartReport> start =
        problems_.Take(CheckLoraStart(config_.lora, model_spec));
    if (start.has_value()) Warn(start->warnings);
  }

  // On kMeta: checked as encoding does, and not read.
  void LookAtEncoders() {
    const ModelConfig& model = config_.model;
    tokenizer_ = problems_.Take(OpenTokenizer(model));
    const std::optional<Umt5Encoder> text =
        problems_.Take(OpenTextEncoder(model, at::kMeta, nullptr));
    const std::optional<WanVae> vae =
        problems_.Take(OpenVae(model, at::kMeta, nullptr));
    if (tokenizer_.has_value() && text.has_value()) {
      problems_.Add(CheckTokenizerFits(model, *tokenizer_, *text));
    }
    if (text.has_value()) LookAtTextEncoder(*text);
    if (vae.has_value()) LookAtVae(*vae);
  }

  void LookAtTextEncoder(const Umt5Encoder& text) {
    absl::Status fits;
    if (model_.has_value()) {
      fits = CheckTextEncoderFits(config_.model, text, model_->spec());
    }
    problems_.Add(fits.ok() ? CheckPartIsWhole("model.text_encoder",
                                               config_.model.text_encoder)
                            : fits);
  }

  void LookAtVae(const WanVae& vae) {
    absl::Status fits;
    if (model_.has_value()) {
      fits = CheckVaeFits(config_.model, vae, model_->spec());
    }
    problems_.Add(fits.ok() ? CheckPartIsWhole("model.vae", config_.model.vae)
                            : fits);
  }

  void LookAtRows() {
    rows_ = problems_.Take(ReadDataRows(config_.data));
    if (!rows_.has_value() || !tokenizer_.has_value()) return;
    on_progress_({.work = StageWork::kCountingTokens});
    const std::optional<std::vector<std::string>> warnings =
        problems_.Take(LongCaptionWarnings(*tokenizer_, rows_->rows));
    if (warnings.has_value()) Warn(*warnings);
  }

  absl::Status TakeFingerprints() {
    HP_ASSIGN_OR_RETURN(result_.model_digest, model_->Fingerprint());
    if (config_.lora.init_from.empty()) return absl::OkStatus();
    HP_ASSIGN_OR_RETURN(result_.init_digest,
                        ContentFingerprint(config_.lora.init_from));
    return absl::OkStatus();
  }

  absl::Status TakeDataSet() {
    const ModelSpec& model_spec = model_->spec();
    absl::StatusOr<DataSet> scanned =
        rows_.has_value()
            ? ScanDataSet(config_, model_spec, *std::move(rows_), on_progress_,
                          probe_)
            : ScanDataSet(config_, model_spec, on_progress_, probe_);
    HP_ASSIGN_OR_RETURN(DataSet data, std::move(scanned));
    result_.data_digest = std::move(data.digest);
    result_.samples = std::move(data.samples);
    result_.cache = data.cache;
    Warn(data.warnings);
    return absl::OkStatus();
  }

  const JobConfig& config_;
  const ProgressCallback& on_progress_;
  const MediaProbe& probe_;
  ScanProblems problems_;
  ScanResult result_;
  std::optional<ModelSource> model_;
  std::optional<Tokenizer> tokenizer_;
  std::optional<DataRows> rows_;
};

}  // namespace

absl::StatusOr<ScanResult> ScanJob(const JobConfig& config,
                                   const ProgressCallback& on_progress,
                                   const MediaProbe& probe) {
  return JobScan(config, on_progress, probe).Run();
}

}  // namespace halfpipe
