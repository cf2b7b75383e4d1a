// The half of stage_conversion.h that deals with results.
#include <utility>

#include "common/base/failure.h"
#include "common/base/status.h"
#include "common/jobs/failure_notes.h"
#include "common/rpc/failure_conversion.h"
#include "common/rpc/stage_conversion.h"
#include "common/rpc/status_conversion.h"

namespace halfpipe {
namespace {

template <typename Repeated>
std::vector<FileEntry> FilesFromProto(const Repeated& from) {
  std::vector<FileEntry> files;
  for (const v1::SavedFile& file : from) {
    files.push_back({file.name(), file.bytes(), file.sha256()});
  }
  return files;
}

void FilesToProto(const std::vector<FileEntry>& from,
                  google::protobuf::RepeatedPtrField<v1::SavedFile>* to) {
  for (const FileEntry& file : from) {
    v1::SavedFile* message = to->Add();
    message->set_name(file.name);
    message->set_bytes(file.bytes);
    message->set_sha256(file.sha256);
  }
}

void StepReportToProto(const StepReport& from, v1::StepResult* to) {
  to->set_epoch(from.epoch.value());
  to->set_step(from.step.value());
  to->mutable_losses()->Assign(from.losses.begin(), from.losses.end());
  to->mutable_timesteps()->Assign(from.timesteps.begin(), from.timesteps.end());
  to->set_grad_norm(from.grad_norm);
  to->set_step_seconds(from.step_seconds);
  to->set_busy_seconds(from.busy_seconds);
  to->set_link_bytes_sent(from.link_bytes_sent);
  to->set_device_bytes_in_use(from.device_bytes_in_use);
  to->set_device_peak_bytes(from.device_peak_bytes);
  to->set_pinned_host_bytes(from.pinned_host_bytes);
  to->set_data_seconds(from.data_seconds);
  for (const pipeline::TimedAction& timing : from.timings) {
    v1::ActionTiming* message = to->add_timings();
    message->set_action(pipeline::ToString(timing.action));
    message->set_start_seconds(timing.start_seconds);
    message->set_end_seconds(timing.end_seconds);
  }
  to->mutable_kernel_seconds()->insert(from.kernel_seconds.begin(),
                                       from.kernel_seconds.end());
}

absl::StatusOr<StepResult> StepResultFromProto(const v1::StepResult& from) {
  StepReport to;
  to.epoch = Epoch(from.epoch());
  to.step = Step(from.step());
  to.losses.assign(from.losses().begin(), from.losses().end());
  to.timesteps.assign(from.timesteps().begin(), from.timesteps().end());
  to.grad_norm = from.grad_norm();
  to.step_seconds = from.step_seconds();
  to.busy_seconds = from.busy_seconds();
  to.link_bytes_sent = from.link_bytes_sent();
  to.device_bytes_in_use = from.device_bytes_in_use();
  to.device_peak_bytes = from.device_peak_bytes();
  to.pinned_host_bytes = from.pinned_host_bytes();
  to.data_seconds = from.data_seconds();
  for (const v1::ActionTiming& timing : from.timings()) {
    HP_ASSIGN_OR_RETURN(pipeline::Action action,
                        pipeline::ParseAction(timing.action()));
    to.timings.push_back(
        {action, timing.start_seconds(), timing.end_seconds()});
  }
  to.kernel_seconds.insert(from.kernel_seconds().begin(),
                           from.kernel_seconds().end());
  return StepResult{std::move(to)};
}

void ModelToProto(const ModelSpec& from, v1::ModelSizes* to) {
  to->set_dim(from.dim);
  to->set_ffn_dim(from.ffn_dim);
  to->set_heads(from.heads);
  to->set_text_dim(from.text_dim);
  to->set_in_channels(from.in_channels);
  to->set_out_channels(from.out_channels);
  to->set_image_branch(from.has_image_branch());
}

ModelSpec ModelFromProto(const v1::ModelSizes& from, int64_t layers) {
  return {.dim = from.dim(),
          .ffn_dim = from.ffn_dim(),
          .heads = from.heads(),
          .layers = layers,
          .text_dim = from.text_dim(),
          .in_channels = from.in_channels(),
          .out_channels = from.out_channels(),
          .image_dim = from.image_branch() ? kImageFeatures : 0};
}

constexpr size_t kMaxReportedBytes = size_t{1} << 16;

struct ResultWriter {
  v1::ReportRequest* to;

  void operator()(const std::monostate&) {}

  void operator()(const ScanResult& body) {
    v1::ScanResult* scan = to->mutable_scan();
    scan->set_variant(body.variant);
    scan->set_layers(body.model.layers);
    scan->set_model_digest(body.model_digest);
    scan->set_data_digest(body.data_digest);
    for (const SampleRef& sample : body.samples) {
      ToProto(sample, scan->add_samples());
    }
    scan->mutable_warnings()->Assign(body.warnings.begin(),
                                     body.warnings.end());
    scan->set_lora_parameters(body.lora_parameters);
    ModelToProto(body.model, scan->mutable_model());
    scan->set_init_digest(body.init_digest);
    scan->set_problems_code(body.problems.raw_code());
    scan->set_problems(CutMessage(body.problems.message(), kMaxReportedBytes));
  }

  void operator()(const EncodeResult& body) {
    to->mutable_encode()->set_encoded(body.encoded);
    to->mutable_encode()->mutable_rejected()->Assign(body.rejected.begin(),
                                                     body.rejected.end());
    to->mutable_encode()->mutable_rejected_paths()->Assign(
        body.rejected_paths.begin(), body.rejected_paths.end());
    for (const ShortClip& clip : body.short_clips) {
      v1::ShortClip* to_clip = to->mutable_encode()->add_short_clips();
      to_clip->set_media_path(clip.media_path);
      to_clip->set_frames(clip.frames);
    }
  }

  void operator()(const OpenLinkResult& body) {
    to->mutable_open_link()->set_rendezvous(body.rendezvous);
    to->mutable_open_link()->mutable_further()->Assign(body.further.begin(),
                                                       body.further.end());
  }

  void operator()(const StartResult& body) {
    to->mutable_start()->set_boundary_digest(body.boundary_digest);
    to->mutable_start()->set_load_seconds(body.load_seconds);
    to->mutable_start()->set_device_bytes_in_use(body.device_bytes_in_use);
    to->mutable_start()->set_layers(body.layers);
  }

  void operator()(const StepResult& body) {
    StepReportToProto(body.report, to->mutable_step());
  }

  void operator()(const SaveResult& body) {
    FilesToProto(body.files, to->mutable_save()->mutable_files());
  }

  void operator()(const ExportResult& body) {
    FilesToProto(body.files, to->mutable_export_()->mutable_files());
  }

  void operator()(const EndResult&) { to->mutable_end(); }

  void operator()(const ShutdownResult&) { to->mutable_shutdown(); }
};

ScanResult ScanFromProto(const v1::ScanResult& from) {
  ScanResult scan;
  scan.variant = from.variant();
  scan.model_digest = from.model_digest();
  scan.data_digest = from.data_digest();
  for (const v1::SampleRef& sample : from.samples()) {
    scan.samples.push_back(FromProto(sample));
  }
  scan.warnings.assign(from.warnings().begin(), from.warnings().end());
  scan.lora_parameters = from.lora_parameters();
  scan.model = ModelFromProto(from.model(), from.layers());
  scan.init_digest = from.init_digest();
  scan.problems = MakeStatus(from.problems_code(), from.problems());
  return scan;
}

EncodeResult EncodeResultFromProto(const v1::EncodeResult& from) {
  EncodeResult encode;
  encode.encoded = from.encoded();
  encode.rejected.assign(from.rejected().begin(), from.rejected().end());
  encode.rejected_paths.assign(from.rejected_paths().begin(),
                               from.rejected_paths().end());
  for (const v1::ShortClip& clip : from.short_clips()) {
    encode.short_clips.push_back({clip.media_path(), clip.frames()});
  }
  return encode;
}

absl::StatusOr<ResultBody> ResultBodyFromProto(const v1::ReportRequest& from) {
  switch (from.body_case()) {
    case v1::ReportRequest::kScan:
      return ScanFromProto(from.scan());
    case v1::ReportRequest::kEncode:
      return EncodeResultFromProto(from.encode());
    case v1::ReportRequest::kOpenLink:
      return OpenLinkResult{from.open_link().rendezvous(),
                            {from.open_link().further().begin(),
                             from.open_link().further().end()}};
    case v1::ReportRequest::kStart:
      return StartResult{
          from.start().boundary_digest(), from.start().load_seconds(),
          from.start().device_bytes_in_use(), from.start().layers()};
    case v1::ReportRequest::kStep:
      return StepResultFromProto(from.step());
    case v1::ReportRequest::kSave:
      return SaveResult{FilesFromProto(from.save().files())};
    case v1::ReportRequest::kExport:
      return ExportResult{FilesFromProto(from.export_().files())};
    case v1::ReportRequest::kEnd:
      return EndResult{};
    case v1::ReportRequest::kShutdown:
      return ShutdownResult{};
    case v1::ReportRequest::BODY_NOT_SET:
      return std::monostate{};
  }
  return std::monostate{};
}

}  // namespace

v1::ReportRequest ToProto(const CommandResult& from) {
  v1::ReportRequest to;
  to.set_sequence(from.sequence);
  to.set_epoch(from.epoch.value());
  to.set_status_code(from.status.raw_code());
  // A scan lists every problem of a data set, so this is not cut to what a
  // gRPC status may hold; the limit keeps a broken stage from filling the disk.
  to.set_status_message(CutMessage(from.status.message(), kMaxReportedBytes));
  if (from.status.ok()) std::visit(ResultWriter{&to}, from.body);
  if (const auto refusal = PinRefusalOf(from.status); refusal.has_value()) {
    to.mutable_pin_refusal()->set_pinned_bytes(refusal->pinned_bytes);
    to.mutable_pin_refusal()->set_asked_bytes(refusal->asked_bytes);
  }
  if (const auto failure = FailureOf(from.status); failure.has_value()) {
    *to.mutable_failure() = ToProto(*failure);
  }
  return to;
}

absl::StatusOr<CommandResult> FromProto(const v1::ReportRequest& from) {
  CommandResult to;
  to.sequence = from.sequence();
  to.epoch = Epoch(from.epoch());
  to.status = MakeStatus(from.status_code(), from.status_message());
  if (!to.status.ok()) {
    if (!from.has_failure()) return to;
    Failure failure = FromProto(from.failure());
    if (from.has_pin_refusal()) {
      failure.pin = {.pinned_bytes = from.pin_refusal().pinned_bytes(),
                     .asked_bytes = from.pin_refusal().asked_bytes()};
    }
    SetFailure(failure, &to.status);
    return to;
  }
  HP_ASSIGN_OR_RETURN(to.body, ResultBodyFromProto(from));
  if (std::holds_alternative<std::monostate>(to.body)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the result of command ", from.sequence(),
        " has a body that this version does not know: are the coordinator "
        "and the stages of one version?"));
  }
  return to;
}

}  // namespace halfpipe
