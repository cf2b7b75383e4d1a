// A job that leaves nothing behind but what it was for: the service that runs
// it lives as long as the command. `check` and `prepare` are such jobs.
#ifndef HP_CLIENT_LOCAL_JOB_H_
#define HP_CLIENT_LOCAL_JOB_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "client/command.h"
#include "common/config/job_config.h"
#include "common/rpc/job_types.h"

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

}  // namespace halfpipe

#endif  // HP_CLIENT_LOCAL_JOB_H_
