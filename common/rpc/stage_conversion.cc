#include "common/rpc/stage_conversion.h"

#include <algorithm>
#include <utility>

#include "common/base/status.h"
#include "common/jobs/recent_lines.h"
#include "common/rpc/failure_conversion.h"
#include "common/rpc/status_conversion.h"

namespace halfpipe {
namespace {

template <typename Repeated>
std::vector<SampleRef> SamplesFromProto(const Repeated& from) {
  std::vector<SampleRef> samples;
  samples.reserve(static_cast<size_t>(from.size()));
  for (const v1::SampleRef& sample : from) samples.push_back(FromProto(sample));
  return samples;
}

void StartToProto(const StartCommand& body, v1::StartCommand* start) {
  start->set_job(body.job);
  start->set_config_yaml(body.config_yaml);
  start->set_world(body.world);
  start->set_split(body.split);
  start->set_link_kind(body.link_kind);
  start->set_rendezvous(body.rendezvous);
  for (const SampleRef& sample : body.first_samples) {
    ToProto(sample, start->add_first_samples());
  }
  start->mutable_schedule()->Assign(body.schedule.begin(), body.schedule.end());
  start->set_schedule_hash(body.schedule_hash);
  start->mutable_evaluation_schedule()->Assign(body.evaluation_schedule.begin(),
                                               body.evaluation_schedule.end());
  start->set_resume_from(body.resume_from);
  start->mutable_memory_plan()->Assign(body.memory_plan.begin(),
                                       body.memory_plan.end());
  start->set_optimizer_on_host(body.optimizer_on_host);
  start->mutable_ffn_chunks()->Assign(body.ffn_chunks.begin(),
                                      body.ffn_chunks.end());
  start->set_continue_at(body.continue_at);
  start->set_learning_rate_factor(body.learning_rate_factor);
}

// Fills the one body that the message gets; std::visit picks which.
struct CommandWriter {
  v1::StageCommand* to;

  void operator()(const ScanCommand& body) {
    to->mutable_scan()->set_config_yaml(body.config_yaml);
  }

  void operator()(const EncodeCommand& body) {
    v1::EncodeCommand* encode = to->mutable_encode();
    encode->set_config_yaml(body.config_yaml);
    for (const SampleRef& sample : body.samples) {
      ToProto(sample, encode->add_samples());
    }
    encode->set_inspect(body.inspect);
  }

  void operator()(const OpenLinkCommand& body) {
    to->mutable_open_link()->set_kind(body.kind);
  }

  void operator()(const StartCommand& body) {
    StartToProto(body, to->mutable_start());
  }

  void operator()(const StepCommand& body) {
    v1::StepCommand* step = to->mutable_step();
    step->set_epoch(body.plan.epoch.value());
    step->set_step(body.plan.step.value());
    step->set_schedule_hash(body.plan.schedule_hash);
    step->set_learning_rate(body.plan.learning_rate);
    for (const MicrobatchPlan& from : body.plan.microbatches) {
      v1::MicrobatchPlan* microbatch = step->add_microbatches();
      microbatch->set_latents_path(from.latents_path);
      microbatch->set_context_path(from.context_path);
      microbatch->set_data_position(from.data_position);
      if (!from.fixed.has_value()) continue;
      microbatch->mutable_fixed()->set_noise_name(from.fixed->noise_name);
      microbatch->mutable_fixed()->set_place(from.fixed->place);
    }
    step->set_record_dir(body.plan.record_dir);
    step->set_evaluation(body.plan.evaluation);
    step->mutable_peak_bytes()->Assign(body.plan.peak_bytes.begin(),
                                       body.plan.peak_bytes.end());
  }

  void operator()(const SaveCommand& body) {
    to->mutable_save()->set_step(body.step.value());
    to->mutable_save()->set_directory(body.directory);
  }

  void operator()(const ExportCommand& body) {
    v1::ExportCommand* message = to->mutable_export_();
    message->set_config_yaml(body.config_yaml);
    message->set_directory(body.directory);
    message->mutable_formats()->Assign(body.formats.begin(),
                                       body.formats.end());
    message->mutable_metadata()->insert(body.metadata.begin(),
                                        body.metadata.end());
  }

  void operator()(const EndCommand& body) {
    to->mutable_end()->set_reason(body.reason);
  }

  void operator()(const ShutdownCommand&) { to->mutable_shutdown(); }
};

EncodeCommand EncodeFromProto(const v1::EncodeCommand& from) {
  return {from.config_yaml(), SamplesFromProto(from.samples()), from.inspect()};
}

StartCommand StartFromProto(const v1::StartCommand& from) {
  StartCommand start;
  start.job = from.job();
  start.config_yaml = from.config_yaml();
  start.world = from.world();
  start.split = from.split();
  start.link_kind = from.link_kind();
  start.rendezvous = from.rendezvous();
  start.first_samples = SamplesFromProto(from.first_samples());
  start.schedule.assign(from.schedule().begin(), from.schedule().end());
  start.schedule_hash = from.schedule_hash();
  start.evaluation_schedule.assign(from.evaluation_schedule().begin(),
                                   from.evaluation_schedule().end());
  start.resume_from = from.resume_from();
  start.memory_plan.assign(from.memory_plan().begin(),
                           from.memory_plan().end());
  start.optimizer_on_host = from.optimizer_on_host();
  start.ffn_chunks.assign(from.ffn_chunks().begin(), from.ffn_chunks().end());
  start.continue_at = from.continue_at();
  if (from.learning_rate_factor() > 0) {
    start.learning_rate_factor = from.learning_rate_factor();
  }
  return start;
}

StepCommand StepCommandFromProto(const v1::StepCommand& from) {
  StepPlan plan;
  plan.epoch = Epoch(from.epoch());
  plan.step = Step(from.step());
  plan.schedule_hash = from.schedule_hash();
  plan.learning_rate = from.learning_rate();
  for (const v1::MicrobatchPlan& microbatch : from.microbatches()) {
    plan.microbatches.push_back({microbatch.latents_path(),
                                 microbatch.context_path(),
                                 microbatch.data_position()});
    if (!microbatch.has_fixed()) continue;
    plan.microbatches.back().fixed = {microbatch.fixed().noise_name(),
                                      microbatch.fixed().place()};
  }
  plan.record_dir = from.record_dir();
  plan.evaluation = from.evaluation();
  plan.peak_bytes.assign(from.peak_bytes().begin(), from.peak_bytes().end());
  return {std::move(plan)};
}

ExportCommand ExportFromProto(const v1::ExportCommand& from) {
  ExportCommand command;
  command.config_yaml = from.config_yaml();
  command.directory = from.directory();
  command.formats.assign(from.formats().begin(), from.formats().end());
  command.metadata.insert(from.metadata().begin(), from.metadata().end());
  return command;
}

absl::StatusOr<CommandBody> BodyFromProto(const v1::StageCommand& from) {
  switch (from.body_case()) {
    case v1::StageCommand::kScan:
      return ScanCommand{from.scan().config_yaml()};
    case v1::StageCommand::kEncode:
      return EncodeFromProto(from.encode());
    case v1::StageCommand::kOpenLink:
      return OpenLinkCommand{from.open_link().kind()};
    case v1::StageCommand::kStart:
      return StartFromProto(from.start());
    case v1::StageCommand::kStep:
      return StepCommandFromProto(from.step());
    case v1::StageCommand::kSave:
      return SaveCommand{Step(from.save().step()), from.save().directory()};
    case v1::StageCommand::kExport:
      return ExportFromProto(from.export_());
    case v1::StageCommand::kEnd:
      return EndCommand{from.end().reason()};
    case v1::StageCommand::kShutdown:
      return ShutdownCommand{};
    case v1::StageCommand::BODY_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "command ", from.sequence(),
      " has a body that this version does not know: are the coordinator and "
      "the stages of one version?"));
}

}  // namespace

void ToProto(const StageIdentity& from, v1::StageIdentity* to) {
  to->set_pair(from.pair);
  to->set_rank(from.rank.value());
  to->set_incarnation(from.incarnation);
}

StageIdentity FromProto(const v1::StageIdentity& from) {
  return {from.pair(), Rank(from.rank()), from.incarnation()};
}

v1::RegisterRequest ToProto(const StageInfo& from) {
  v1::RegisterRequest to;
  ToProto(StageIdentity{from.pair, from.rank, from.incarnation},
          to.mutable_identity());
  to.set_pid(from.pid);
  to.set_host(from.host);
  to.set_device(from.device);
  to.set_device_name(from.device_name);
  to.set_gpu_uuid(from.gpu_uuid);
  to.set_device_total_bytes(from.device_total_bytes);
  to.set_device_free_bytes(from.device_free_bytes);
  to.set_protocol(from.protocol);
  to.set_version(from.version);
  to.set_device_rates(from.device_rates);
  to.set_host_available_bytes(from.host_available_bytes);
  to.set_arithmetic(from.arithmetic);
  if (from.loaded != nullptr) {
    StartToProto(from.loaded->start, to.mutable_loaded()->mutable_start());
    to.mutable_loaded()->set_steps_done(from.loaded->steps_done);
  }
  return to;
}

StageInfo FromProto(const v1::RegisterRequest& from) {
  StageInfo to;
  to.pair = from.identity().pair();
  to.rank = Rank(from.identity().rank());
  to.incarnation = from.identity().incarnation();
  to.pid = from.pid();
  to.host = from.host();
  to.device = from.device();
  to.device_name = from.device_name();
  to.gpu_uuid = from.gpu_uuid();
  to.device_total_bytes = from.device_total_bytes();
  to.device_free_bytes = from.device_free_bytes();
  to.protocol = from.protocol();
  to.version = from.version();
  to.device_rates = from.device_rates();
  to.host_available_bytes = from.host_available_bytes();
  to.arithmetic = from.arithmetic();
  if (from.has_loaded()) {
    to.loaded = std::make_shared<LoadedJob>(LoadedJob{
        StartFromProto(from.loaded().start()), from.loaded().steps_done()});
  }
  return to;
}

v1::StageCommand ToProto(const StageCommand& from) {
  v1::StageCommand to;
  to.set_sequence(from.sequence);
  to.set_epoch(from.epoch.value());
  std::visit(CommandWriter{&to}, from.body);
  return to;
}

absl::StatusOr<StageCommand> FromProto(const v1::StageCommand& from) {
  StageCommand to;
  to.sequence = from.sequence();
  to.epoch = Epoch(from.epoch());
  HP_ASSIGN_OR_RETURN(to.body, BodyFromProto(from));
  return to;
}

v1::HeartbeatRequest ToProto(const StageHeartbeat& from) {
  v1::HeartbeatRequest to;
  to.set_epoch(from.epoch.value());
  to.set_sequence(from.sequence);
  to.set_step(from.step.value());
  to.set_action_index(from.action_index);
  to.set_activity(from.activity);
  to.mutable_progress()->set_work(ToProto(from.progress.work));
  to.mutable_progress()->set_done(from.progress.done);
  to.mutable_progress()->set_total(from.progress.total);
  to.set_device_bytes_in_use(from.device_bytes_in_use);
  to.set_device_total_bytes(from.device_total_bytes);
  to.set_device_free_change_bytes(from.device_free_change_bytes);
  to.set_host_available_bytes(from.host_available_bytes);
  for (const StageLine& line : from.lines) {
    v1::StageLine* message = to.add_lines();
    message->set_level(static_cast<int>(line.level));
    // A message refuses what is no UTF-8; a file's name may hold it.
    message->set_text(CutMessage(line.text, RecentLines::kMostBytes));
    message->set_epoch(line.epoch.value());
  }
  return to;
}

StageHeartbeat FromProto(const v1::HeartbeatRequest& from) {
  StageHeartbeat to;
  to.epoch = Epoch(from.epoch());
  to.sequence = from.sequence();
  to.step = Step(from.step());
  to.action_index = from.action_index();
  to.activity = from.activity();
  to.progress = {FromProto(from.progress().work()), from.progress().done(),
                 from.progress().total()};
  to.device_bytes_in_use = from.device_bytes_in_use();
  to.device_total_bytes = from.device_total_bytes();
  to.device_free_change_bytes = from.device_free_change_bytes();
  to.host_available_bytes = from.host_available_bytes();
  for (const v1::StageLine& line : from.lines()) {
    const int level =
        std::clamp(line.level(), static_cast<int>(LogLevel::kInfo),
                   static_cast<int>(LogLevel::kError));
    to.lines.push_back(
        {static_cast<LogLevel>(level), line.text(), Epoch(line.epoch())});
  }
  return to;
}

v1::HeartbeatResponse ToProto(const HeartbeatReply& from) {
  v1::HeartbeatResponse to;
  to.set_abandon(from.abandon);
  to.set_epoch(from.epoch.value());
  to.set_stuck(from.stuck);
  return to;
}

HeartbeatReply FromProto(const v1::HeartbeatResponse& from) {
  return {from.abandon(), Epoch(from.epoch()), from.stuck()};
}

void ToProto(const SampleRef& from, v1::SampleRef* to) {
  to->set_row(from.row);
  to->set_media_path(from.media_path);
  to->set_prompt(from.prompt);
  to->set_latents_path(from.latents_path);
  to->set_context_path(from.context_path);
  to->set_cached(from.cached);
}

SampleRef FromProto(const v1::SampleRef& from) {
  return {from.row(),          from.media_path(),   from.prompt(),
          from.latents_path(), from.context_path(), from.cached()};
}

}  // namespace halfpipe
