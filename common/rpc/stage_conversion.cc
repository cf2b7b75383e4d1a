#include "common/rpc/stage_conversion.h"

#include <algorithm>

#include "common/base/status.h"
#include "common/jobs/recent_lines.h"
#include "common/rpc/fields.h"
#include "common/rpc/status_conversion.h"

namespace halfpipe {

#define HP_SAMPLE_FIELDS \
  row, media_path, prompt, latents_path, context_path, cached
HP_COPY_BOTH_WAYS(SampleRef, v1::SampleRef, HP_SAMPLE_FIELDS)

#define HP_START_FIELDS                                                 \
  job, config_yaml, world, split, link_kind, rendezvous, schedule_hash, \
      resume_from, optimizer_on_host, continue_at
#define HP_START_LISTS                                                   \
  first_samples, schedule, evaluation_schedule, memory_plan, ffn_chunks, \
      further_rendezvous

void Copy(const StartCommand& from, v1::StartCommand& to) {
  HP_SET(HP_START_FIELDS, learning_rate_factor);
  HP_SET_ALL(HP_START_LISTS);
}

void Copy(const v1::StartCommand& from, StartCommand& to) {
  HP_GET(HP_START_FIELDS);
  HP_GET_ALL(HP_START_LISTS);
  if (from.learning_rate_factor() > 0) {
    to.learning_rate_factor = from.learning_rate_factor();
  }
}

void Copy(const EncodeCommand& from, v1::EncodeCommand& to) {
  HP_SET(config_yaml, inspect);
  HP_SET_ALL(samples);
}

void Copy(const v1::EncodeCommand& from, EncodeCommand& to) {
  HP_GET(config_yaml, inspect);
  HP_GET_ALL(samples);
}

#define HP_MICROBATCH_FIELDS latents_path, context_path, data_position

void Copy(const MicrobatchPlan& from, v1::MicrobatchPlan& to) {
  HP_SET(HP_MICROBATCH_FIELDS);
  if (!from.fixed.has_value()) return;
  to.mutable_fixed()->set_noise_name(from.fixed->noise_name);
  to.mutable_fixed()->set_place(from.fixed->place);
}

void Copy(const v1::MicrobatchPlan& from, MicrobatchPlan& to) {
  HP_GET(HP_MICROBATCH_FIELDS);
  if (!from.has_fixed()) return;
  to.fixed = {from.fixed().noise_name(), from.fixed().place()};
}

#define HP_STEP_PLAN_FIELDS \
  epoch, step, schedule_hash, learning_rate, record_dir, evaluation

void Copy(const StepPlan& from, v1::StepCommand& to) {
  HP_SET(HP_STEP_PLAN_FIELDS);
  HP_SET_ALL(microbatches);
}

void Copy(const v1::StepCommand& from, StepPlan& to) {
  HP_GET(HP_STEP_PLAN_FIELDS);
  HP_GET_ALL(microbatches);
}

void Copy(const ExportCommand& from, v1::ExportCommand& to) {
  HP_SET(config_yaml, directory);
  HP_SET_ALL(formats, metadata);
}

void Copy(const v1::ExportCommand& from, ExportCommand& to) {
  HP_GET(config_yaml, directory);
  HP_GET_ALL(formats, metadata);
}

namespace {

// Fills the one body that the message gets; std::visit picks which.
struct CommandWriter {
  v1::StageCommand* to;

  void operator()(const ScanCommand& body) {
    to->mutable_scan()->set_config_yaml(body.config_yaml);
  }

  void operator()(const EncodeCommand& body) {
    Copy(body, *to->mutable_encode());
  }

  void operator()(const OpenLinkCommand& body) {
    to->mutable_open_link()->set_kind(body.kind);
    if (body.links > 1) to->mutable_open_link()->set_links(body.links);
  }

  void operator()(const StartCommand& body) {
    Copy(body, *to->mutable_start());
  }

  void operator()(const StepCommand& body) {
    Copy(body.plan, *to->mutable_step());
  }

  void operator()(const SaveCommand& body) {
    to->mutable_save()->set_step(body.step.value());
    to->mutable_save()->set_directory(body.directory);
  }

  void operator()(const ExportCommand& body) {
    Copy(body, *to->mutable_export_());
  }

  void operator()(const EndCommand& body) {
    to->mutable_end()->set_reason(body.reason);
  }

  void operator()(const ShutdownCommand&) { to->mutable_shutdown(); }
};

// The command that a message of its kind holds.
template <typename Command, typename Message>
Command CommandFrom(const Message& message) {
  Command command;
  Copy(message, command);
  return command;
}

absl::StatusOr<CommandBody> BodyFromProto(const v1::StageCommand& from) {
  switch (from.body_case()) {
    case v1::StageCommand::kScan:
      return ScanCommand{from.scan().config_yaml()};
    case v1::StageCommand::kEncode:
      return CommandFrom<EncodeCommand>(from.encode());
    case v1::StageCommand::kOpenLink:
      return OpenLinkCommand{from.open_link().kind(),
                             std::max(1, from.open_link().links())};
    case v1::StageCommand::kStart:
      return CommandFrom<StartCommand>(from.start());
    case v1::StageCommand::kStep:
      return StepCommand{CommandFrom<StepPlan>(from.step())};
    case v1::StageCommand::kSave:
      return SaveCommand{Step(from.save().step()), from.save().directory()};
    case v1::StageCommand::kExport:
      return CommandFrom<ExportCommand>(from.export_());
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

#define HP_STAGE_INFO_FIELDS                                    \
  pid, host, device, device_name, gpu_uuid, device_total_bytes, \
      device_free_bytes, protocol, version, device_rates,       \
      host_available_bytes, arithmetic

#define HP_HEARTBEAT_FIELDS                                           \
  epoch, sequence, step, action_index, activity, device_bytes_in_use, \
      device_total_bytes, device_free_change_bytes, host_available_bytes

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
  HP_SET(HP_STAGE_INFO_FIELDS);
  if (from.loaded != nullptr) {
    Copy(from.loaded->start, *to.mutable_loaded()->mutable_start());
    to.mutable_loaded()->set_steps_done(from.loaded->steps_done);
  }
  return to;
}

StageInfo FromProto(const v1::RegisterRequest& from) {
  StageInfo to;
  to.pair = from.identity().pair();
  to.rank = Rank(from.identity().rank());
  to.incarnation = from.identity().incarnation();
  HP_GET(HP_STAGE_INFO_FIELDS);
  if (from.has_loaded()) {
    to.loaded = std::make_shared<LoadedJob>(
        LoadedJob{CommandFrom<StartCommand>(from.loaded().start()),
                  from.loaded().steps_done()});
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
  HP_SET(HP_HEARTBEAT_FIELDS);
  to.mutable_progress()->set_work(ToProto(from.progress.work));
  to.mutable_progress()->set_done(from.progress.done);
  to.mutable_progress()->set_total(from.progress.total);
  for (const StageLine& line : from.lines) {
    v1::StageLine* message = to.add_lines();
    message->set_level(static_cast<int>(line.level));
    // A message refuses what is no UTF-8; a file's name may hold it.
    message->set_text(CutMessage(line.text, RecentLines::kMostBytes));
  }
  return to;
}

StageHeartbeat FromProto(const v1::HeartbeatRequest& from) {
  StageHeartbeat to;
  HP_GET(HP_HEARTBEAT_FIELDS);
  to.progress = {FromProto(from.progress().work()), from.progress().done(),
                 from.progress().total()};
  for (const v1::StageLine& line : from.lines()) {
    const int level =
        std::clamp(line.level(), static_cast<int>(LogLevel::kInfo),
                   static_cast<int>(LogLevel::kError));
    to.lines.push_back({static_cast<LogLevel>(level), line.text()});
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

}  // namespace halfpipe
