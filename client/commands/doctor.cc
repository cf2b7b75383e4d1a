// halfpipe doctor: whether this machine can train, and what to do where not.
#include <grpcpp/version_info.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/commands/command.h"
#include "client/doctor/checks.h"
#include "client/doctor/finding.h"
#include "client/jobs/job_json.h"
#include "common/build_info/build_info.h"

namespace halfpipe {
namespace {

// The defaults of a service (docs/config.md).
constexpr int kGrpcPort = 50700;
constexpr int kMetricsPort = 9700;

struct DoctorOptions {
  std::string disk = ".";
  int64_t disk_mib = 256;
  OutputFormat format = OutputFormat::kText;
};

// Every program of the service lies beside this one.
Finding CheckPrograms(const std::string& directory) {
  Finding finding{.subject = "programs"};
  std::string missing;
  for (const char* name : {"halfpipe-coordinator", "halfpipe-stage0",
                           "halfpipe-stage1", "halfpipe-decode"}) {
    const std::string path = absl::StrCat(directory, "/", name);
    if (access(path.c_str(), X_OK) == 0) continue;
    absl::StrAppend(&missing, missing.empty() ? "" : ", ", name);
  }
  if (missing.empty()) {
    finding.verdict = Verdict::kOk;
    finding.found = absl::StrCat("all in ", directory);
  } else {
    finding.verdict = Verdict::kWarn;
    finding.found = absl::StrCat(missing, " not in ", directory);
    finding.advice =
        "install them to run jobs here; a client of a service "
        "elsewhere needs none of them";
  }
  return finding;
}

Findings Examine(const DoctorOptions& options, const std::string& directory,
                 CommandContext& context) {
  Findings findings = {DescribeSystem()};
  findings.push_back({.subject = "halfpipe",
                      .verdict = Verdict::kInfo,
                      .found = absl::StrCat(ThisBuild().version, ", gRPC ",
                                            GRPC_CPP_VERSION_STRING),
                      .advice = ""});
  findings.push_back(CheckPrograms(directory));
  findings.push_back(CheckDriver());
  for (Finding& gpu : CheckPciGpus()) findings.push_back(std::move(gpu));
  const std::string stage = absl::StrCat(directory, "/halfpipe-stage0");
  if (access(stage.c_str(), X_OK) == 0) {
    for (Finding& found : ProbeStage(stage)) {
      findings.push_back(std::move(found));
    }
  }
  findings.push_back(CheckLockedMemory(LockedMemoryLimit()));
  findings.push_back(CheckHostMemory());
  findings.push_back(CheckSharedMemory());
  ServiceFlags service;
  service.timeout_seconds = 2.0;
  const auto client = Connect(service, context);
  findings.push_back(CheckPort(kGrpcPort, "gRPC of a service", client.get()));
  findings.push_back(CheckPort(kMetricsPort, "metrics of a service", nullptr));
  findings.push_back(CheckDisk(options.disk, options.disk_mib << 20));
  findings.push_back(CheckClock());
  return findings;
}

absl::StatusOr<ExitCode> Doctor(const DoctorOptions& options,
                                CommandContext& context) {
  HP_ASSIGN_OR_RETURN(const std::string directory, ProgramDirectory(context));
  const Findings findings = Examine(options, directory, context);
  if (options.format == OutputFormat::kJson) {
    context.out << JsonText(FindingsJson(findings), 2) << "\n";
  } else {
    context.out << FindingsText(findings);
  }
  return WorstOf(findings) == Verdict::kFail ? ExitCode::kJobFailed
                                             : ExitCode::kOk;
}

}  // namespace

void AddDoctorCommand(CLI::App& app, CommandContext& context) {
  const auto options = std::make_shared<DoctorOptions>();
  CLI::App* command = app.add_subcommand(
      "doctor", "Look at this machine and say what to do about it");
  command
      ->add_option(
          "--disk", options->disk,
          "Measure the disk of this folder, such as that of your outputs")
      ->option_text("DIR")
      ->capture_default_str();
  command
      ->add_option("--disk-mib", options->disk_mib,
                   "How many MiB to write there")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  AddFormatFlag(command, &options->format);
  SetAction(command, context, options, Doctor);
}

}  // namespace halfpipe
