#include "client/commands/local_job.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/jobs/follow_job.h"
#include "client/jobs/job_file.h"
#include "client/local/private_directory.h"
#include "common/base/status.h"

namespace halfpipe {
void AddLocalJobFlags(CLI::App* command, LocalJobOptions* options) {
  command->add_option("job", options->job_file, "The job file")
      ->option_text("JOB.yaml")
      ->required();
  command->add_option("--log-dir", options->log_dir,
                      "Keep the processes' logs in this folder");
}

absl::StatusOr<ExitCode> RunLocalJob(const LocalJobOptions& options,
                                     CommandContext& context) {
  HP_ASSIGN_OR_RETURN(SignalWatch signals, SignalWatch::Create());
  HP_ASSIGN_OR_RETURN(const JobFile file, LoadLocalJobFile(options.job_file));
  HP_RETURN_IF_ERROR(CheckNamedFilesAreThere(file));
  HP_ASSIGN_OR_RETURN(const PrivateDirectory directory,
                      PrivateDirectory::Create("halfpipe-job"));
  const auto printer = NewEventPrinter(options.format, context.out);
  JobConfig config = file.config;
  config.pipeline.device = options.device.value_or(config.pipeline.device);
  LocalServiceOptions local;
  local.state_dir = absl::StrCat(directory.path(), "/state");
  local.log_dir = options.log_dir.empty()
                      ? absl::StrCat(directory.path(), "/logs")
                      : options.log_dir;
  HP_ASSIGN_OR_RETURN(
      const std::unique_ptr<LocalService> service,
      StartServiceFor(config, options.join_timeout_seconds, std::move(local),
                      printer.get(), context));
  JobSpec spec = SpecFor(file);
  spec.id = std::string(JobKindName(options.kind));
  spec.kind = options.kind;
  spec.replace = options.resume.replace;
  spec.accept_data = options.resume.accept_data;
  spec.quick = options.quick;
  // The service's own check speaks first: it knows the stage's log.
  spec.join_timeout = 2 * absl::Seconds(options.join_timeout_seconds);
  HP_ASSIGN_OR_RETURN(const Job job, service->client().CreateJob(spec));
  HP_ASSIGN_OR_RETURN(const FollowResult result,
                      FollowLocally(*service, job, signals, *printer));
  if (result.end != FollowEnd::kJobEnded) {
    service->Kill();
    context.err << "halfpipe: stopped; what is in the cache stays there\n";
    return ExitCode::kInterrupted;
  }
  service->Stop();
  return ReportEnd(result.job, options.format, options.log_dir, context);
}

absl::StatusOr<std::unique_ptr<LocalService>> StartServiceFor(
    const JobConfig& config, double join_timeout_seconds,
    LocalServiceOptions local, EventPrinter* printer,
    const CommandContext& context) {
  HP_ASSIGN_OR_RETURN(local.program_dir, ProgramDirectory(context));
  local.stages = config.pipeline.stages;
  local.device = config.pipeline.device;
  local.join_timeout = absl::Seconds(join_timeout_seconds);
  local.on_notice = [printer](const std::string& text) {
    printer->Notice(text);
  };
  return LocalService::Start(local);
}

absl::StatusOr<FollowResult> FollowLocally(LocalService& service,
                                           const Job& job, SignalWatch& signals,
                                           EventPrinter& printer,
                                           FollowOptions follow) {
  follow.id = job.id;
  follow.tick = [&service] { return service.Poll(); };
  if (follow.on_event == nullptr) {
    follow.on_event = [&service, advance = JobAdvance(job.steps_done)](
                          const JobEvent& event) mutable {
      if (advance.See(event)) service.NoteProgress();
      return true;
    };
  }
  return FollowJob(service.client(), signals, printer, follow);
}

}  // namespace halfpipe
