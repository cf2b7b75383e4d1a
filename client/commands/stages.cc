// halfpipe stages: the stage processes that are connected to a service.
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/commands/command.h"
#include "client/jobs/job_json.h"
#include "client/jobs/progress.h"
#include "common/base/printable_text.h"

namespace halfpipe {
namespace {

void PrintStages(const ServerInfo& info, CommandContext& context) {
  context.out << absl::StrFormat("%-12s %-5s %-8s %-20s %-9s %s\n", "PAIR",
                                 "STAGE", "DEVICE", "MEMORY", "SILENT",
                                 "ACTIVITY");
  for (const StageState& stage : info.stages) {
    const std::string memory =
        stage.device_total_bytes > 0
            ? absl::StrCat(ReadableBytes(stage.device_bytes_in_use), " of ",
                           ReadableBytes(stage.device_total_bytes))
            : "-";
    context.out << absl::StrFormat(
        "%-12s %-5d %-8s %-20s %-9s %s\n", PrintableText(stage.pair),
        stage.rank, PrintableText(stage.device), memory,
        ReadableSeconds(absl::ToDoubleSeconds(stage.silent)),
        PrintableText(stage.activity));
  }
}

absl::StatusOr<ExitCode> Stages(const ServiceFlags& flags,
                                CommandContext& context) {
  const auto client = Connect(flags, context);
  HP_ASSIGN_OR_RETURN(const ServerInfo info, client->GetServerInfo());
  if (flags.format == OutputFormat::kJson) {
    context.out << JsonText(ToJson(info), 2) << "\n";
  } else {
    PrintStages(info, context);
  }
  return ExitCode::kOk;
}

}  // namespace

void AddStagesCommand(CLI::App& app, CommandContext& context) {
  const auto flags = std::make_shared<ServiceFlags>();
  CLI::App* command = app.add_subcommand(
      "stages", "List the stage processes that are connected to a service");
  AddServiceFlags(command, flags.get());
  SetAction(command, context, flags, Stages);
}

}  // namespace halfpipe
