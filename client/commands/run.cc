// halfpipe run JOB.yaml: a job on this machine, with everything it needs.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/commands/command.h"
#include "client/commands/local_job.h"
#include "client/jobs/job_file.h"
#include "client/jobs/obtain_job.h"
#include "client/jobs/page_link.h"
#include "client/local/local_service.h"
#include "client/lora/finished_lora.h"
#include "common/base/file.h"
#include "common/base/file_lock.h"

namespace halfpipe {
namespace {

struct RunOptions {
  std::string job_file;
  std::string record_dir;
  std::string work_dir;  // empty: OUTPUT/.halfpipe
  double join_timeout_seconds = 60.0;
  std::string log_level = "info";
  ResumeOptions resume;
  OutputFormat format = OutputFormat::kText;
};

// Where this job's state and logs are.
struct WorkPlaces {
  std::string root;
  std::string state_dir;
  std::string log_dir;
};

absl::StatusOr<std::string> AbsolutePath(const std::string& path) {
  if (path.empty()) return path;
  std::error_code error;
  const auto absolute = std::filesystem::absolute(path, error);
  if (error) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": ", error.message()));
  }
  return absolute.lexically_normal().string();
}

absl::StatusOr<WorkPlaces> MakeWorkPlaces(const RunOptions& options,
                                          const JobConfig& config,
                                          const std::string& id) {
  WorkPlaces places;
  HP_ASSIGN_OR_RETURN(places.root, AbsolutePath(options.work_dir));
  if (places.root.empty()) {
    places.root = absl::StrCat(config.output.dir, "/.halfpipe");
  }
  // One database for each job: no other job of it would ever be started.
  places.state_dir = absl::StrCat(places.root, "/", id);
  places.log_dir = absl::StrCat(places.root, "/logs");
  if (const absl::Status made = MakeDirectories(places.root); !made.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(options.work_dir.empty()
                         ? absl::StrCat(options.job_file, ": output.dir")
                         : "--workdir",
                     ": cannot be written: ", made.message()));
  }
  return places;
}

class LocalRun {
 public:
  LocalRun(const RunOptions& options, SignalWatch& signals,
           CommandContext& context)
      : options_(options),
        signals_(signals),
        context_(context),
        printer_(NewEventPrinter(options.format, context.out)) {}

  absl::StatusOr<ExitCode> Run() {
    HP_ASSIGN_OR_RETURN(const JobFile file,
                        LoadLocalJobFile(options_.job_file));
    JobSpec spec = SpecFor(file);
    spec.id = JobIdFor(file.config);
    HP_ASSIGN_OR_RETURN(spec.record_dir, AbsolutePath(options_.record_dir));
    spec.replace = options_.resume.replace;
    spec.accept_data = options_.resume.accept_data;
    HP_ASSIGN_OR_RETURN(places_,
                        MakeWorkPlaces(options_, file.config, spec.id));
    const absl::StatusOr<FileLock> lock =
        FileLock::Acquire(absl::StrCat(places_.root, "/lock"));
    if (absl::IsFailedPrecondition(lock.status())) {
      return absl::FailedPreconditionError(absl::StrCat(
          lock.status().message(),
          ": wait for it to end, or give this job another output folder"));
    }
    HP_RETURN_IF_ERROR(lock.status());
    // One that ran here before may be done, and needs them no more.
    if (std::error_code none;
        !std::filesystem::exists(places_.state_dir, none)) {
      HP_RETURN_IF_ERROR(CheckNamedFilesAreThere(file));
    }
    HP_RETURN_IF_ERROR(StartService(file.config));
    TellOfPage(spec.id);
    // The service's own check speaks first: it knows the stage's log.
    spec.join_timeout = 2 * absl::Seconds(options_.join_timeout_seconds);
    HP_ASSIGN_OR_RETURN(Job job,
                        ObtainJob(service_->client(), spec, *printer_));
    if (job.state == JobState::kDone) {
      HP_ASSIGN_OR_RETURN(const std::string other, OtherContent(spec));
      if (other.empty()) return ReportDone(job);
      if (!spec.replace) {
        service_->Stop();
        return absl::InvalidArgumentError(
            absl::StrCat("this job is done, with other content: ", other));
      }
      HP_ASSIGN_OR_RETURN(
          job, ResumeKnownJob(service_->client(), job, options_.resume));
    }
    HP_ASSIGN_OR_RETURN(const FollowResult result, Follow(job));
    if (result.end != FollowEnd::kJobEnded) {
      service_->Kill();
      context_.err << "halfpipe: stopped at once; the same command goes on "
                      "from the last checkpoint\n";
      return ExitCode::kInterrupted;
    }
    service_->Stop();
    const ExitCode code =
        ReportEnd(result.job, options_.format, places_.log_dir, context_);
    if (code == ExitCode::kCancelled) TellWhereItGoesOn(result.job);
    return code;
  }

 private:
  // The job as it was after its last event: what was to be saved is.
  void TellWhereItGoesOn(const Job& job) {
    context_.err << "  "
                 << (job.checkpoints.empty()
                         ? std::string("no step of this run was there to save")
                         : absl::StrCat("saved at step ",
                                        job.checkpoints.back().steps_done))
                 << "; the same command goes on\n";
  }

  absl::Status StartService(const JobConfig& config) {
    LocalServiceOptions local;
    local.state_dir = places_.state_dir;
    local.log_dir = places_.log_dir;
    local.log_level = options_.log_level;
    local.page_address = kPageAddress;
    HP_ASSIGN_OR_RETURN(
        service_, StartServiceFor(config, options_.join_timeout_seconds,
                                  std::move(local), printer_.get(), context_));
    return absl::OkStatus();
  }

  // A service without its page trains all the same.
  void TellOfPage(const std::string& id) {
    const auto page = service_->client().CreatePageTicket();
    if (!page.ok()) return;
    printer_->Notice(absl::StrCat(
        "page: ", PageLink(*page, service_->address(), id),
        "\n(good for five minutes, once; another link: halfpipe page ", id,
        " --address ", service_->address(), ")"));
  }

  // What a check says where a job that is done was trained on other weights or
  // data than there are now; "" where on these. Files that are gone since are
  // no others.
  absl::StatusOr<std::string> OtherContent(const JobSpec& spec) {
    JobSpec check = spec;
    check.id = absl::StrCat("look-", absl::ToUnixMillis(absl::Now()));
    check.kind = JobKind::kCheck;
    check.quick = true;
    check.replace = false;
    check.record_dir.clear();
    HP_ASSIGN_OR_RETURN(const Job job, service_->client().CreateJob(check));
    std::ostringstream unseen;
    const auto printer = NewJsonPrinter(unseen);
    const absl::StatusOr<FollowResult> result =
        FollowLocally(*service_, job, signals_, *printer);
    // On a machine without its GPU, say, where nothing is to be trained either.
    if (!result.ok()) return "";
    if (result->end != FollowEnd::kJobEnded) {
      return absl::CancelledError("interrupted");
    }
    const absl::Status& error = result->job.error;
    return absl::IsAlreadyExists(error) ? std::string(error.message()) : "";
  }

  absl::StatusOr<ExitCode> ReportDone(const Job& job) {
    service_->Stop();
    const auto restored = RestoreFinishedLora(job);
    if (absl::IsFailedPrecondition(restored.status())) {
      return absl::InvalidArgumentError(absl::StrCat(
          "this job is done, but its LoRA is missing or is another one: ",
          restored.status().message(),
          "\n  --replace restores it or trains it again, and moves the present "
          "files to a folder with the date in its name; or give this job "
          "another output.dir"));
    }
    HP_RETURN_IF_ERROR(restored.status());
    for (const std::string& path : *restored) {
      printer_->Notice(absl::StrCat(path,
                                    " was missing or damaged: restored from ",
                                    job.checkpoints.back().directory));
    }
    context_.err << "halfpipe: this job is done already (" << places_.state_dir
                 << "); change the job file to train something else\n";
    return ReportEnd(job, options_.format, places_.log_dir, context_);
  }

  absl::StatusOr<FollowResult> Follow(const Job& job) {
    FollowOptions follow;
    follow.after_cursor = job.last_cursor;
    follow.on_interrupt = [this, id = job.id](int count) {
      if (count > 1) return false;
      printer_->Notice(
          "stopping: saving the last step (interrupt again to stop at once)");
      // A refusal means that the job ends by itself, which is being watched.
      if (const auto answer = service_->client().CancelJob(id, false);
          !answer.ok()) {
        printer_->Notice(std::string(answer.status().message()));
      }
      return true;
    };
    return FollowLocally(*service_, job, signals_, *printer_, follow);
  }

  const RunOptions& options_;
  SignalWatch& signals_;
  CommandContext& context_;
  std::unique_ptr<EventPrinter> printer_;
  WorkPlaces places_;
  std::unique_ptr<LocalService> service_;
};

absl::StatusOr<ExitCode> RunHere(const RunOptions& options,
                                 CommandContext& context) {
  HP_ASSIGN_OR_RETURN(SignalWatch signals, SignalWatch::Create());
  return LocalRun(options, signals, context).Run();
}

}  // namespace

void AddRunCommand(CLI::App& app, CommandContext& context) {
  const auto options = std::make_shared<RunOptions>();
  CLI::App* command = app.add_subcommand(
      "run", "Train a job on this machine, from start to end");
  command->add_option("job", options->job_file, "The job file")
      ->option_text("JOB.yaml")
      ->required();
  command->add_option("--record", options->record_dir,
                      "Folder for each step's inputs, gradients and weights");
  command->add_option("--workdir", options->work_dir,
                      "Folder for state and logs (default: .halfpipe in the "
                      "job's output folder)");
  AddResumeFlags(command, &options->resume);
  AddJoinTimeoutFlag(command, &options->join_timeout_seconds);
  command
      ->add_option("--log-level", options->log_level,
                   "Log level of the processes")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->capture_default_str();
  AddFormatFlag(command, &options->format);
  SetAction(command, context, options, RunHere);
}

}  // namespace halfpipe
