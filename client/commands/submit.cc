// halfpipe submit JOB.yaml: hands a job to a service and, unless told not to,
// stays with it until it ends.
#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/commands/command.h"
#include "client/jobs/job_file.h"
#include "client/jobs/job_json.h"
#include "client/jobs/signal_watch.h"
#include "common/base/address.h"
#include "common/base/printable_text.h"
#include "common/config/quantity.h"

namespace halfpipe {
namespace {

struct SubmitOptions {
  ServiceFlags service;
  std::string job_file;
  std::string id;
  std::vector<std::string> labels;
  bool no_wait = false;
  bool validate_only = false;
  bool other_files = false;  // the stages see other files than this process
  int32_t priority = 0;
  int32_t retry_limit = 0;
  int64_t retry_backoff_seconds = 30;
  std::string pair;
  ResumeOptions resume;
  JobKind kind = JobKind::kTrain;
  bool quick = false;
};

void Announce(const Job& job, const SubmitOptions& options,
              CommandContext& context) {
  if (options.service.format == OutputFormat::kJson) {
    context.out << JsonText(ToJson(job)) << "\n" << std::flush;
    return;
  }
  // The id alone, so that a script can take it.
  context.out << PrintableText(job.id) << "\n" << std::flush;
}

absl::StatusOr<ExitCode> Submit(const SubmitOptions& options,
                                CommandContext& context) {
  HP_ASSIGN_OR_RETURN(SignalWatch signals, SignalWatch::Create());
  // A service of this machine sees the files that we see.
  const bool same_files =
      IsLocalAddress(options.service.address) && !options.other_files;
  HP_ASSIGN_OR_RETURN(const JobFile file,
                      same_files ? LoadLocalJobFile(options.job_file)
                                 : LoadJobFile(options.job_file));
  if (same_files) HP_RETURN_IF_ERROR(CheckNamedFilesAreThere(file));
  JobSpec spec = SpecFor(file);
  spec.id = options.id;
  spec.labels = ParseLabels(options.labels);
  spec.validate_only = options.validate_only;
  spec.priority = options.priority;
  spec.retry_limit = options.retry_limit;
  spec.retry_backoff = absl::Seconds(options.retry_backoff_seconds);
  spec.pair = options.pair;
  spec.kind = options.kind;
  spec.quick = options.quick;
  spec.replace = options.resume.replace;
  spec.accept_data = options.resume.accept_data;
  const auto client = Connect(options.service, context);
  HP_ASSIGN_OR_RETURN(const Job job, client->CreateJob(spec));
  if (options.validate_only) {
    return ReportAnswer(job, options.service.format,
                        absl::StrCat(options.job_file,
                                     ": the service would "
                                     "take this job; nothing was queued"),
                        context);
  }
  Announce(job, options, context);
  if (options.no_wait) return ExitCode::kOk;
  return FollowRemotely(*client, signals, job.id, 0, options.service.format,
                        context);
}

// How the service is to run the job.
void AddRunFlags(CLI::App* command, SubmitOptions* options) {
  command
      ->add_option("--priority", options->priority,
                   "Jobs with a higher one leave the queue first")
      ->capture_default_str();
  command
      ->add_option(
          "--retry", options->retry_limit,
          "How often to try again after a failure that may go away by itself")
      ->option_text("TIMES")
      ->capture_default_str();
  const auto parse = [options](const std::string& text) {
    const absl::StatusOr<int64_t> seconds = ParseSeconds(text);
    if (!seconds.ok()) {
      throw CLI::ValidationError("--retry-backoff",
                                 std::string(seconds.status().message()));
    }
    options->retry_backoff_seconds = *seconds;
  };
  command
      ->add_option_function<std::string>(
          "--retry-backoff", parse,
          "The pause before the first retry, such as 30s; doubled by each")
      ->option_text("TIME");
  const std::map<std::string, JobKind> kinds = {{"train", JobKind::kTrain},
                                                {"prepare", JobKind::kPrepare},
                                                {"check", JobKind::kCheck}};
  command
      ->add_option("--kind", options->kind,
                   "train; prepare: only fill the cache; check: only check")
      ->transform(
          CLI::CheckedTransformer(kinds).description("{train,prepare,check}"))
      ->option_text("KIND");
  command->add_flag("--quick", options->quick,
                    "With --kind check: decode no clip");
  command->add_option("--pair", options->pair,
                      "The pair of stages to run on; without it any that fits");
}

}  // namespace

void AddSubmitCommand(CLI::App& app, CommandContext& context) {
  const auto options = std::make_shared<SubmitOptions>();
  CLI::App* command =
      app.add_subcommand("submit", "Hand a job to a running service");
  command->add_option("job", options->job_file, "The job file")
      ->option_text("JOB.yaml")
      ->required();
  command->add_option("--id", options->id,
                      "The job's id; the same submit may then be repeated");
  AddLabelFlag(command, "Give the job a label; may be repeated",
               &options->labels);
  command->add_flag("--no-wait", options->no_wait,
                    "Return at once instead of watching the job");
  command->add_flag("--validate-only", options->validate_only,
                    "Have the service check the job; queue nothing");
  command->add_flag("--other-files", options->other_files,
                    "The service has other files than this command sees (a "
                    "container): do not look for the job's here");
  AddRunFlags(command, options.get());
  AddResumeFlags(command, &options->resume);
  AddServiceFlags(command, &options->service);
  command->callback([options, &context] {
    if (options->quick && options->kind != JobKind::kCheck) {
      throw CLI::ValidationError("--quick", "needs --kind check");
    }
    context.action = [options, &context] { return Submit(*options, context); };
  });
}

}  // namespace halfpipe
