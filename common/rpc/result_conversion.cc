// The half of stage_conversion.h that deals with results.
#include <utility>

#include "common/base/failure.h"
#include "common/base/status.h"
#include "common/jobs/failure_notes.h"
#include "common/rpc/fields.h"
#include "common/rpc/job_conversion.h"
#include "common/rpc/stage_conversion.h"
#include "common/rpc/status_conversion.h"

namespace halfpipe {

HP_COPY_BOTH_WAYS(FileEntry, v1::SavedFile, name, bytes, sha256)
HP_COPY_BOTH_WAYS(ShortClip, v1::ShortClip, media_path, frames)

namespace {

#define HP_REPORT_FIELDS                                               \
  epoch, step, grad_norm, step_seconds, busy_seconds, link_bytes_sent, \
      device_bytes_in_use, device_peak_bytes, pinned_host_bytes, data_seconds
#define HP_REPORT_LISTS losses, timesteps, kernel_seconds

void StepReportToProto(const StepReport& from, v1::StepResult& to) {
  HP_SET(HP_REPORT_FIELDS);
  HP_SET_ALL(HP_REPORT_LISTS);
  if (from.device_memory != DeviceMemoryUse()) {
    Copy(from.device_memory, *to.mutable_device_memory());
  }
  for (const pipeline::TimedAction& timing : from.timings) {
    v1::ActionTiming* message = to.add_timings();
    message->set_action(pipeline::ToString(timing.action));
    message->set_start_seconds(timing.start_seconds);
    message->set_end_seconds(timing.end_seconds);
  }
}

absl::StatusOr<StepResult> StepResultFromProto(const v1::StepResult& from) {
  StepReport to;
  HP_GET(HP_REPORT_FIELDS);
  HP_GET_ALL(HP_REPORT_LISTS);
  Copy(from.device_memory(), to.device_memory);
  for (const v1::ActionTiming& timing : from.timings()) {
    HP_ASSIGN_OR_RETURN(pipeline::Action action,
                        pipeline::ParseAction(timing.action()));
    to.timings.push_back(
        {action, timing.start_seconds(), timing.end_seconds()});
  }
  return StepResult{std::move(to)};
}

#define HP_MODEL_FIELDS dim, ffn_dim, heads, text_dim, in_channels, out_channels

void ModelToProto(const ModelSpec& from, v1::ModelSizes& to) {
  HP_SET(HP_MODEL_FIELDS);
  to.set_image_branch(from.has_image_branch());
}

ModelSpec ModelFromProto(const v1::ModelSizes& from, int64_t layers) {
  ModelSpec to;
  HP_GET(HP_MODEL_FIELDS);
  to.layers = layers;
  to.image_dim = from.image_branch() ? kImageFeatures : 0;
  return to;
}

constexpr size_t kMaxReportedBytes = size_t{1} << 16;

}  // namespace

#define HP_SCAN_FIELDS \
  variant, model_digest, data_digest, lora_parameters, init_digest
#define HP_SCAN_LISTS samples, warnings

void Copy(const ScanResult& from, v1::ScanResult& to) {
  HP_SET(HP_SCAN_FIELDS);
  HP_SET_ALL(HP_SCAN_LISTS);
  to.set_layers(from.model.layers);
  ModelToProto(from.model, *to.mutable_model());
  to.set_problems_code(from.problems.raw_code());
  to.set_problems(CutMessage(from.problems.message(), kMaxReportedBytes));
}

void Copy(const v1::ScanResult& from, ScanResult& to) {
  HP_GET(HP_SCAN_FIELDS);
  HP_GET_ALL(HP_SCAN_LISTS);
  to.model = ModelFromProto(from.model(), from.layers());
  to.problems = MakeStatus(from.problems_code(), from.problems());
}

#define HP_ENCODE_LISTS rejected, rejected_paths, short_clips

void Copy(const EncodeResult& from, v1::EncodeResult& to) {
  HP_SET(encoded);
  HP_SET_ALL(HP_ENCODE_LISTS);
}

void Copy(const v1::EncodeResult& from, EncodeResult& to) {
  HP_GET(encoded);
  HP_GET_ALL(HP_ENCODE_LISTS);
}

#define HP_STARTED_FIELDS \
  boundary_digest, load_seconds, device_bytes_in_use, layers
HP_COPY_BOTH_WAYS(StartResult, v1::StartResult, HP_STARTED_FIELDS)

void Copy(const SaveResult& from, v1::SaveResult& to) { HP_SET_ALL(files); }

void Copy(const v1::SaveResult& from, SaveResult& to) { HP_GET_ALL(files); }

void Copy(const ExportResult& from, v1::ExportResult& to) { HP_SET_ALL(files); }

void Copy(const v1::ExportResult& from, ExportResult& to) { HP_GET_ALL(files); }

namespace {

struct ResultWriter {
  v1::ReportRequest* to;

  void operator()(const std::monostate&) {}

  void operator()(const ScanResult& body) { Copy(body, *to->mutable_scan()); }

  void operator()(const EncodeResult& body) {
    Copy(body, *to->mutable_encode());
  }

  void operator()(const OpenLinkResult& body) {
    to->mutable_open_link()->set_rendezvous(body.rendezvous);
    to->mutable_open_link()->mutable_further()->Assign(body.further.begin(),
                                                       body.further.end());
  }

  void operator()(const StartResult& body) { Copy(body, *to->mutable_start()); }

  void operator()(const StepResult& body) {
    StepReportToProto(body.report, *to->mutable_step());
  }

  void operator()(const SaveResult& body) { Copy(body, *to->mutable_save()); }

  void operator()(const ExportResult& body) {
    Copy(body, *to->mutable_export_());
  }

  void operator()(const EndResult&) { to->mutable_end(); }

  void operator()(const ShutdownResult&) { to->mutable_shutdown(); }
};

// The result that a message of its kind holds.
template <typename Result, typename Message>
ResultBody ResultFrom(const Message& message) {
  Result result;
  Copy(message, result);
  return result;
}

absl::StatusOr<ResultBody> ResultBodyFromProto(const v1::ReportRequest& from) {
  switch (from.body_case()) {
    case v1::ReportRequest::kScan:
      return ResultFrom<ScanResult>(from.scan());
    case v1::ReportRequest::kEncode:
      return ResultFrom<EncodeResult>(from.encode());
    case v1::ReportRequest::kOpenLink:
      return OpenLinkResult{from.open_link().rendezvous(),
                            {from.open_link().further().begin(),
                             from.open_link().further().end()}};
    case v1::ReportRequest::kStart:
      return ResultFrom<StartResult>(from.start());
    case v1::ReportRequest::kStep:
      return StepResultFromProto(from.step());
    case v1::ReportRequest::kSave:
      return ResultFrom<SaveResult>(from.save());
    case v1::ReportRequest::kExport:
      return ResultFrom<ExportResult>(from.export_());
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
