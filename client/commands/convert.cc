// halfpipe convert: a LoRA file in another program's format, or added to its
// base model's weights.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/commands/command.h"
#include "client/jobs/job_json.h"
#include "client/jobs/progress.h"
#include "client/jobs/signal_watch.h"
#include "client/lora/convert_lora.h"
#include "client/lora/merged_checkpoint.h"
#include "common/base/for_each.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

constexpr int kMostThreads = 16;

struct ConvertCommandOptions {
  ConvertOptions lora;
  std::string format;      // --to
  std::string dtype;       // --dtype
  std::string merge_into;  // --merge-into
  double strength = 1.0;
  bool force = false;
  OutputFormat output = OutputFormat::kText;
};

// Behind a number of modules.
std::string WithDifferences(size_t differences) {
  if (differences == 0) return "";
  return absl::StrCat(" and ", differences, " differences of whole tensors");
}

// A file that is there stays, unless --force says otherwise.
absl::Status CheckMayWrite(const ConvertCommandOptions& options) {
  std::error_code absent;
  const auto status = std::filesystem::status(options.lora.output, absent);
  if (options.force || !std::filesystem::exists(status) ||
      std::filesystem::is_directory(status)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      options.lora.output,
      " is there already: name another file, or overwrite it with --force"));
}

void Warn(const std::string& warning, CommandContext& context) {
  if (warning.empty()) return;
  context.err << "halfpipe: warning: " << warning << "\n";
}

absl::StatusOr<ExitCode> ToFormat(const ConvertCommandOptions& options,
                                  CommandContext& context) {
  ConvertOptions lora = options.lora;
  lora.format = *ParseLoraFormat(options.format);
  if (!options.dtype.empty()) {
    lora.dtype = options.dtype == "bf16" ? DType::kBF16 : DType::kF32;
  }
  HP_ASSIGN_OR_RETURN(const ConvertResult result, ConvertLora(lora));
  Warn(result.warning, context);
  if (options.output == OutputFormat::kJson) {
    const nlohmann::ordered_json json = {
        {"schema", 1},
        {"format", options.format},
        {"dtype", DTypeName(result.dtype)},
        HP_MEMBERS(result, modules, differences),
        {"checked_against_base", !lora.base.empty()},
        {"files", result.files}};
    context.out << JsonText(json, 2) << "\n";
    return ExitCode::kOk;
  }
  context.out << result.modules << " modules"
              << WithDifferences(result.differences) << " as " << options.format
              << ", " << DTypeName(result.dtype) << ", every key "
              << (lora.base.empty() ? "known" : "in the base model") << "\n";
  for (const std::string& file : result.files) context.out << file << "\n";
  return ExitCode::kOk;
}

absl::StatusOr<ExitCode> IntoBase(const ConvertCommandOptions& options,
                                  CommandContext& context) {
  HP_ASSIGN_OR_RETURN(SignalWatch signals, SignalWatch::Create());
  HP_ASSIGN_OR_RETURN(const LoraFile lora,
                      ImportLora(options.lora.input, LoraScale::kApart));
  Warn(lora.warning, context);
  MergeOptions merge;
  merge.base = options.merge_into;
  merge.output = options.lora.output;
  merge.strength = options.strength;
  merge.threads = std::clamp(
      static_cast<int>(std::thread::hardware_concurrency()), 1, kMostThreads);
  merge.stop = [&signals] { return signals.Wait(absl::ZeroDuration()) > 0; };
  if (options.output == OutputFormat::kText) {
    merge.on_file = [&context](const std::string& file) {
      context.out << file << "\n" << std::flush;
    };
  }
  const absl::StatusOr<MergeResult> result = WriteMergedCheckpoint(lora, merge);
  if (absl::IsCancelled(result.status())) {
    context.err << "halfpipe: " << result.status().message() << "\n";
    return ExitCode::kInterrupted;
  }
  if (!result.ok()) return Annotate(result.status(), options.lora.input);
  if (options.output == OutputFormat::kJson) {
    const nlohmann::ordered_json json = {{"schema", 1},
                                         {"strength", options.strength},
                                         {"modules", result->modules},
                                         {"differences", result->differences},
                                         {"tensors", result->tensors},
                                         {"bytes", result->bytes},
                                         {"files", result->files}};
    context.out << JsonText(json, 2) << "\n";
    return ExitCode::kOk;
  }
  context.out << result->modules << " of " << result->modules << " modules"
              << WithDifferences(result->differences) << " merged into "
              << result->tensors << " tensors, "
              << ReadableBytes(static_cast<int64_t>(result->bytes)) << "\n";
  return ExitCode::kOk;
}

}  // namespace

void AddConvertCommand(CLI::App& app, CommandContext& context) {
  const auto options = std::make_shared<ConvertCommandOptions>();
  CLI::App* command = app.add_subcommand(
      "convert", "Write a LoRA in another format, or merge it into its model");
  command->add_option("lora", options->lora.input, "The LoRA file to read")
      ->option_text("LORA.safetensors")
      ->required();
  command
      ->add_option(
          "output", options->lora.output,
          "The file to write; for a merged model it may be a new folder")
      ->option_text("OUT")
      ->required();
  const auto is_format = [](const std::string& name) -> std::string {
    if (ParseLoraFormat(name).has_value()) return "";
    return absl::StrCat("'", name, "' is none of ", LoraFormatNames());
  };
  CLI::Option* to =
      command
          ->add_option("--to", options->format,
                       absl::StrCat("The format: ", LoraFormatNames()))
          ->check(CLI::Validator(
              is_format,
              absl::StrCat(
                  "{", absl::StrReplaceAll(LoraFormatNames(), {{", ", ","}}),
                  "}")))
          ->option_text("FORMAT");
  command
      ->add_option("--base", options->lora.base,
                   "Check that every key belongs to a layer of this DiT (file "
                   "or folder)")
      ->option_text("DIT")
      ->needs(to);
  command
      ->add_option(
          "--dtype", options->dtype,
          "bf16 or fp32 (default: bf16 if the file has bf16, else fp32)")
      ->check(CLI::IsMember({"bf16", "fp32"}))
      ->option_text("DTYPE")
      ->needs(to);
  CLI::Option* merge =
      command
          ->add_option("--merge-into", options->merge_into,
                       "Write this DiT with the LoRA added to its weights")
          ->option_text("DIT")
          ->excludes(to);
  command
      ->add_option("--strength", options->strength,
                   "How strongly to merge the LoRA (1: as it was trained)")
      ->check(PositiveCheck())
      ->capture_default_str()
      ->needs(merge);
  command->add_flag("--force", options->force, "Overwrite OUT if it is there");
  AddFormatFlag(command, &options->output);
  command->callback([options, &context] {
    if (options->format.empty() && options->merge_into.empty()) {
      throw CLI::ParseError("say what to make: --to FORMAT or --merge-into DIT",
                            CLI::ExitCodes::RequiredError);
    }
    context.action = [options, &context]() -> absl::StatusOr<ExitCode> {
      HP_RETURN_IF_ERROR(CheckMayWrite(*options));
      return options->merge_into.empty() ? ToFormat(*options, context)
                                         : IntoBase(*options, context);
    };
  });
}

}  // namespace halfpipe
