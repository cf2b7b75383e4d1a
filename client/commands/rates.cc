// halfpipe rates: what this machine's GPUs do in training, measured by a stage
// program and kept for the stages and for `plan`.
#include "common/plan/rates.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/commands/command.h"
#include "client/doctor/checks.h"
#include "client/report/rates_table.h"
#include "common/base/file.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

struct RatesOptions {
  std::string write;
  OutputFormat format = OutputFormat::kText;
};

absl::StatusOr<std::vector<DeviceRates>> AskStage(CommandContext& context) {
  HP_ASSIGN_OR_RETURN(const std::string directory, ProgramDirectory(context));
  const std::string program = absl::StrCat(directory, "/halfpipe-stage0");
  if (access(program.c_str(), X_OK) != 0) {
    return absl::InternalError(
        absl::StrCat(program,
                     " is not there: install halfpipe's stage programs and "
                     "libtorch beside this one"));
  }
  context.err << "measuring, about four seconds a GPU\n" << std::flush;
  const std::optional<StageToolOutput> output =
      RunStageTool(program, "rates", /*with_errors=*/false);
  if (!output.has_value() || !output->ok) {
    return absl::InternalError(
        absl::StrCat(program, " rates failed; what it said stands above"));
  }
  return ParseRates(output->text, absl::StrCat(program, " rates"));
}

absl::StatusOr<ExitCode> MeasureRates(const RatesOptions& options,
                                      CommandContext& context) {
  HP_ASSIGN_OR_RETURN(const std::vector<DeviceRates> devices,
                      AskStage(context));
  if (!options.write.empty()) {
    HP_RETURN_IF_ERROR(WriteFileAtomically(options.write, RatesText(devices)));
  }
  context.out << (options.format == OutputFormat::kJson ? RatesText(devices)
                                                        : RatesTable(devices));
  return ExitCode::kOk;
}

}  // namespace

void AddRatesCommand(CLI::App& app, CommandContext& context) {
  const auto options = std::make_shared<RatesOptions>();
  CLI::App* command = app.add_subcommand(
      "rates", "Measure what this machine's GPUs do in training");
  command
      ->add_option("--write", options->write,
                   "Write a rates file too, for plan --rates")
      ->option_text("FILE");
  AddFormatFlag(command, &options->format);
  SetAction(command, context, options, MeasureRates);
}

}  // namespace halfpipe
