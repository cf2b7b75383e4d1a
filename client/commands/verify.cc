// halfpipe verify: parity with a golden file. The stage programs do it; this
// starts them, and with two stages keeps the pair together.
#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "client/commands/command.h"
#include "client/jobs/signal_watch.h"
#include "client/local/stage_pair.h"

namespace halfpipe {
namespace {

struct VerifyCommandOptions {
  int stages = 1;
  CLI::App* command = nullptr;
};

// The stages' own arguments: every option that was given, in the parser's
// order, so that defaults stay in one place, the stages.
std::vector<std::string> PassedArguments(const CLI::App& command) {
  std::vector<std::string> arguments = {"verify"};
  for (const CLI::Option* option : command.get_options()) {
    if (option->count() == 0 || option->get_name() == "--help") continue;
    arguments.push_back(option->get_name());
    arguments.push_back(option->results().back());
  }
  return arguments;
}

absl::StatusOr<ExitCode> Verify(const VerifyCommandOptions& options,
                                CommandContext& context) {
  HP_ASSIGN_OR_RETURN(SignalWatch signals, SignalWatch::Create());
  StagePairOptions pair;
  HP_ASSIGN_OR_RETURN(pair.program_dir, ProgramDirectory(context));
  pair.stages = options.stages;
  pair.arguments = PassedArguments(*options.command);
  return RunStagePair(pair, signals, context.err);
}

}  // namespace

void AddVerifyCommand(CLI::App& app, CommandContext& context) {
  const auto options = std::make_shared<VerifyCommandOptions>();
  CLI::App* command = app.add_subcommand(
      "verify", "Compare one forward and backward with a golden file");
  options->command = command;
  const auto add = [command](const std::string& name, const std::string& doc) {
    return command->add_option(name, doc);
  };
  add("--model", "The DiT checkpoint: a file or a folder")->required();
  add("--golden", "Inputs, LoRA weights and expected results")
      ->option_text("FILE.safetensors")
      ->required();
  command->add_option("--stages", options->stages, "Processes: 1 or 2")
      ->check(CLI::IsMember({1, 2}))
      ->capture_default_str();
  add("--dtype", "fp32 or bf16")->check(CLI::IsMember({"fp32", "bf16"}));
  add("--device", "cpu or cuda")->check(CLI::IsMember({"cpu", "cuda"}));
  add("--micro-batches", "Parts that the batch is split into")
      ->check(CLI::Range(1, 4096));
  add("--schedule", "1f1b, gpipe, sequential or interleaved")
      ->check(CLI::IsMember({"1f1b", "gpipe", "sequential", "interleaved"}));
  add("--memory", "keep, offload or recompute")
      ->check(CLI::IsMember({"keep", "offload", "recompute"}));
  add("--weights", "bf16, fp8 or fp8_compute")
      ->check(CLI::IsMember({"bf16", "fp8", "fp8_compute"}));
  add("--tolerance", "Largest relative error, in place of the dtype's bound")
      ->check(PositiveCheck());
  add("--write", "Store the own results under the golden file's keys")
      ->option_text("OUT.safetensors");
  SetAction(command, context, options, Verify);
}

}  // namespace halfpipe
