// Jobs on a service that lives as long as the command. `check` and `prepare`
// leave nothing behind but what they were for; `run` and `bench` start and
// follow theirs by the same functions.
#ifndef HP_CLIENT_COMMANDS_LOCAL_JOB_H_
#define HP_CLIENT_COMMANDS_LOCAL_JOB_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "client/commands/command.h"
#include "client/jobs/event_printer.h"
#include "client/jobs/follow_job.h"
#include "client/jobs/signal_watch.h"
#include "client/local/local_service.h"
#include "common/config/job_config.h"
#include "common/jobs/job_types.h"

namespace halfpipe {

struct LocalJobOptions {
  std::string job_file;
  JobKind kind = JobKind::kCheck;
  // In place of the job's pipeline.device, for work that needs no GPU.
  std::optional<DeviceType> device;
  bool quick = false;         // of a check: nothing is decoded
  ResumeOptions resume = {};  // what the run that is checked will be told
  std::string log_dir;  // for the processes' logs; empty: they are not kept
  double join_timeout_seconds = 60.0;
  OutputFormat format = OutputFormat::kText;
};

// Adds the job file and --log-dir.
void AddLocalJobFlags(CLI::App* command, LocalJobOptions* options);

// Starts coordinator and stages, follows the job to its end and reports it. An
// interrupt stops at once: kInterrupted. Codes: those of LoadJobFile,
// LocalService and FollowJob.
[[nodiscard]] absl::StatusOr<ExitCode> RunLocalJob(
    const LocalJobOptions& options, CommandContext& context);

// Starts a service for a job of this config, whose notices `printer` prints.
// `local` has the folders and what else is not the config's.
[[nodiscard]] absl::StatusOr<std::unique_ptr<LocalService>> StartServiceFor(
    const JobConfig& config, double join_timeout_seconds,
    LocalServiceOptions local, EventPrinter* printer,
    const CommandContext& context);

// Follows a job of such a service, and ends when the service fails. Without an
// on_event the service is told of each progress.
[[nodiscard]] absl::StatusOr<FollowResult> FollowLocally(
    LocalService& service, const Job& job, SignalWatch& signals,
    EventPrinter& printer, FollowOptions follow = {});

}  // namespace halfpipe

#endif  // HP_CLIENT_COMMANDS_LOCAL_JOB_H_
