#include "client/commands/command.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/jobs/follow_job.h"
#include "client/jobs/job_json.h"
#include "client/local/local_service.h"
#include "common/base/printable_text.h"

namespace halfpipe {
namespace {

CLI::Validator Check(const std::string& what, const std::string& type,
                     const std::function<bool(double)>& passes) {
  return CLI::Validator(
      [what, passes](std::string& text) -> std::string {
        double value = 0.0;
        if (absl::SimpleAtod(text, &value) && std::isfinite(value) &&
            passes(value)) {
          return "";
        }
        return absl::StrCat("expected ", what, ", found '", text, "'");
      },
      type);
}

}  // namespace

void AddFormatFlag(CLI::App* command, OutputFormat* format) {
  const std::map<std::string, OutputFormat> names = {
      {"text", OutputFormat::kText}, {"json", OutputFormat::kJson}};
  command->add_option("-o,--output", *format, "Output format: text or json")
      ->transform(CLI::CheckedTransformer(names).description("{text,json}"))
      ->option_text("FORMAT");
}

void AddJoinTimeoutFlag(CLI::App* command, double* seconds) {
  command
      ->add_option("--join-timeout", *seconds,
                   "Seconds to wait for the stages to start")
      ->check(PositiveCheck(kPositiveSeconds))
      ->capture_default_str();
}

void AddServiceFlags(CLI::App* command, ServiceFlags* flags) {
  AddConnectionFlags(command, flags);
  AddFormatFlag(command, &flags->format);
}

void AddConnectionFlags(CLI::App* command, ServiceFlags* flags) {
  command
      ->add_option("--address", flags->address,
                   "The service: host:port or unix:PATH")
      ->envname("HALFPIPE_ADDRESS")
      ->capture_default_str();
  TlsFiles& tls = flags->security.tls;
  command
      ->add_option(
          "--ca", tls.ca,
          "Use TLS; the CA that signed the service's certificate (PEM)")
      ->envname("HALFPIPE_CA");
  command
      ->add_option("--cert", tls.certificate,
                   "This client's certificate, for mutual TLS (PEM)")
      ->envname("HALFPIPE_CERT");
  command->add_option("--key", tls.key, "The certificate's private key (PEM)")
      ->envname("HALFPIPE_KEY");
  command
      ->add_option("--token-file", flags->security.token_file,
                   "File with the token (or HALFPIPE_TOKEN, the token itself)")
      ->envname("HALFPIPE_TOKEN_FILE");
  command
      ->add_option("--timeout", flags->timeout_seconds,
                   "Seconds to wait for an answer")
      ->check(PositiveCheck(kPositiveSeconds))
      ->capture_default_str();
}

std::unique_ptr<TrainingClient> Connect(const ServiceFlags& flags,
                                        const CommandContext& context) {
  ConnectionSources security = flags.security;
  const char* token = std::getenv("HALFPIPE_TOKEN");
  if (token != nullptr) security.token = token;
  return context.environment.connect(
      {.address = flags.address,
       .call_timeout = absl::Seconds(flags.timeout_seconds),
       .security = std::move(security)});
}

absl::Status CheckIsThere(TrainingClient& client, const std::string& id) {
  return client.GetJob(id).status();
}

absl::StatusOr<std::string> ProgramDirectory(const CommandContext& context) {
  if (!context.environment.program_dir.empty()) {
    return context.environment.program_dir;
  }
  return OwnProgramDirectory();
}

void AddLabelFlag(CLI::App* command, const std::string& description,
                  std::vector<std::string>* labels) {
  const auto check = [](std::string& text) -> std::string {
    const size_t equals = text.find('=');
    if (equals != std::string::npos && equals > 0) return "";
    return absl::StrCat("expected key=value, found '", text, "'");
  };
  command->add_option("--label", *labels, description)
      ->check(CLI::Validator(check, ""))
      ->option_text("K=V ...");
}

std::map<std::string, std::string> ParseLabels(
    const std::vector<std::string>& texts) {
  std::map<std::string, std::string> labels;
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    HP_CHECK(equals != std::string::npos);
    labels[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return labels;
}

absl::StatusOr<ExitCode> FollowRemotely(
    TrainingClient& client, SignalWatch& signals, const std::string& id,
    int64_t after_cursor, OutputFormat format, CommandContext& context) {
  const auto printer = NewEventPrinter(format, context.out);
  FollowOptions follow;
  follow.id = id;
  follow.after_cursor = after_cursor;
  follow.on_event = [&context](const JobEvent&) { return context.out.good(); };
  HP_ASSIGN_OR_RETURN(const FollowResult result,
                      FollowJob(client, signals, *printer, follow));
  // Whoever read it has read enough, as `| head` does.
  if (result.end == FollowEnd::kEnough) return ExitCode::kOk;
  if (result.end == FollowEnd::kInterrupted) {
    const std::string shown = PrintableText(id);
    context.err << "halfpipe: stopped watching; job " << shown
                << " goes on (halfpipe watch " << shown << ")\n";
    return ExitCode::kInterrupted;
  }
  return ReportEnd(result.job, format, "", context);
}

ExitCode ReportAnswer(const Job& job, OutputFormat format,
                      absl::string_view text, CommandContext& context) {
  if (format == OutputFormat::kJson) {
    context.out << JsonText(ToJson(job), 2) << "\n";
  } else {
    context.out << PrintableText(text) << "\n";
  }
  return ExitCode::kOk;
}

ExitCode ReportEnd(const Job& job, OutputFormat format,
                   absl::string_view log_dir, CommandContext& context) {
  if (format == OutputFormat::kJson) {
    nlohmann::ordered_json json = {{"type", "job"}};
    json.update(ToJson(job));
    context.out << JsonText(json) << "\n";
  } else {
    for (const std::string& path : job.exports) {
      context.out << "LoRA: " << PrintableText(path) << "\n";
    }
  }
  context.out << std::flush;
  if (job.state == JobState::kFailed) {
    const std::string why =
        job.error.ok() ? job.reason : std::string(job.error.message());
    context.err << "halfpipe: job " << PrintableText(job.id)
                << " failed: " << PrintableLines(why) << "\n";
    if (!log_dir.empty()) context.err << "  logs: " << log_dir << "\n";
  } else if (job.state == JobState::kCancelled) {
    context.err << "halfpipe: job " << PrintableText(job.id)
                << " was cancelled after step " << job.steps_done << " of "
                << job.steps_total << "\n";
  }
  return ExitCodeForEndedJob(job);
}

void AddResumeFlags(CLI::App* command, ResumeOptions* options) {
  command->add_flag("--replace", options->replace,
                    "Move another job's checkpoints and LoRA in output.dir "
                    "into a folder with the date in its name");
  command->add_flag(
      "--accept-data", options->accept_data,
      "Go on although the data set has changed since the checkpoint");
}

CLI::Validator PositiveCheck(const std::string& what) {
  return Check(what, "POSITIVE", [](double value) { return value > 0.0; });
}

CLI::Validator NotNegativeCheck(const std::string& what) {
  return Check(what, "NONNEGATIVE", [](double value) { return value >= 0.0; });
}

}  // namespace halfpipe
