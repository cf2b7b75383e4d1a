// halfpipe demo [FOLDER]: a tiny job on made-up files, from nothing to a LoRA.
#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "client/commands/command.h"
#include "client/demo/demo_folder.h"
#include "common/base/printable_text.h"

namespace halfpipe {
namespace {

struct DemoOptions {
  std::string folder = "halfpipe-demo";
  std::string record_dir;
  bool only_files = false;
};

// The job as anybody would run it: by the command line.
ExitCode RunDemoJob(const DemoOptions& options, const std::string& job_file,
                    CommandContext& context) {
  std::vector<const char*> arguments = {"halfpipe", "run", job_file.c_str()};
  if (!options.record_dir.empty()) {
    arguments.insert(arguments.end(), {"--record", options.record_dir.c_str()});
  }
  return static_cast<ExitCode>(
      RunCommandLine(static_cast<int>(arguments.size()), arguments.data(),
                     context.out, context.err, context.environment));
}

absl::StatusOr<ExitCode> RunDemo(const DemoOptions& options,
                                 CommandContext& context) {
  HP_ASSIGN_OR_RETURN(const std::string job_file,
                      WriteDemoFolder(options.folder));
  const std::string shown = PrintableText(options.folder);
  context.out << "A small model with random weights and six clips are in "
              << shown << ".\nhalfpipe run " << PrintableText(job_file) << "\n"
              << std::flush;
  if (options.only_files) return ExitCode::kOk;
  const ExitCode code = RunDemoJob(options, job_file, context);
  if (code == ExitCode::kOk) {
    context.out << "Everything works. This model has learned nothing that is "
                   "worth anything: docs/first_lora.md does the same with "
                   "Wan's.\n"
                << std::flush;
  }
  return code;
}

}  // namespace

void AddDemoCommand(CLI::App& app, CommandContext& context) {
  const auto options = std::make_shared<DemoOptions>();
  CLI::App* command = app.add_subcommand(
      "demo", "Train a tiny model that it makes up, to see that all works");
  command->add_option("folder", options->folder, "Where its files go")
      ->option_text("FOLDER")
      ->capture_default_str();
  command->add_flag("--only-files", options->only_files,
                    "Write model, clips and job file, and train nothing");
  command->add_option("--record", options->record_dir,
                      "As of run: folder for each step's inputs and gradients");
  SetAction(command, context, options, RunDemo);
}

}  // namespace halfpipe
