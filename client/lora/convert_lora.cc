#include "client/lora/convert_lora.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/lora/lora_match.h"
#include "common/base/file.h"
#include "common/base/status.h"
#include "common/model/checkpoint.h"
#include "common/model/linear_shapes.h"
#include "common/store/peft_config.h"

namespace halfpipe {
namespace {

absl::Status CheckModules(const LoraFile& lora, const ConvertOptions& options,
                          LinearShapes* base) {
  if (options.base.empty()) return CheckModuleNames(lora);
  HP_ASSIGN_OR_RETURN(const WanCheckpoint checkpoint,
                      OpenWanCheckpoint(options.base));
  const ModelSpec& model_spec = checkpoint.variant.spec;
  *base = AllLinearShapesOf(model_spec);
  HP_RETURN_IF_ERROR(CheckEveryModule(lora, *base));
  return CheckEveryDifference(lora, WanTensors(model_spec));
}

absl::Status CheckOutput(const ConvertOptions& options) {
  std::error_code error;
  if (std::filesystem::equivalent(options.input, options.output, error)) {
    return absl::InvalidArgumentError(
        absl::StrCat(options.output,
                     " is the LoRA that is to be converted; "
                     "name another file"));
  }
  return absl::OkStatus();
}

// peft has one rank for all modules unless it is told otherwise.
absl::StatusOr<std::string> PeftConfigOf(const LoraFile& lora) {
  std::vector<std::string> modules;
  if (lora.modules.empty()) {
    return absl::InvalidArgumentError(
        "it has no A and B matrices, so peft has nothing to hold");
  }
  for (const LoraModule& module : lora.modules) {
    if (module.rank != lora.modules.front().rank) {
      return absl::InvalidArgumentError(absl::StrCat(
          "'", module.module, "' has rank ", module.rank, " and '",
          lora.modules.front().module, "' has ", lora.modules.front().rank,
          "; halfpipe writes peft files with one rank only"));
    }
    modules.push_back(module.module);
  }
  return PeftConfig(lora.modules.front().rank, modules);
}

LoraExport ExportOf(const LoraFile& lora, const ConvertOptions& options,
                    const LinearShapes& base) {
  LoraExport result;
  result.format = options.format;
  result.dtype = options.dtype.value_or(lora.dtype);
  result.metadata = lora.metadata;
  if (!options.base.empty()) result.base = &base;
  result.differences = &lora.differences;
  for (const LoraModule& module : lora.modules) {
    result.adapters.push_back(
        {.module = module.module,
         .rank = module.rank,
         .in = module.in,
         .out = module.out,
         .a = module.a.data(),
         .b = module.b.data(),
         .alpha = module.scale * static_cast<double>(module.rank)});
  }
  return result;
}

}  // namespace

absl::StatusOr<ConvertResult> ConvertLora(const ConvertOptions& options) {
  HP_RETURN_IF_ERROR(CheckOutput(options));
  HP_ASSIGN_OR_RETURN(const LoraFile lora,
                      ImportLora(options.input, LoraScale::kApart));
  LinearShapes base;
  if (const absl::Status match = CheckModules(lora, options, &base);
      !match.ok()) {
    return Annotate(match, options.input);
  }
  const LoraExport exported = ExportOf(lora, options, base);
  ConvertResult result{.modules = lora.modules.size(),
                       .differences = lora.differences.size(),
                       .dtype = exported.dtype,
                       .files = {options.output},
                       .warning = lora.warning};
  std::string peft;
  if (options.format == LoraFormat::kPeft) {
    absl::StatusOr<std::string> config = PeftConfigOf(lora);
    if (!config.ok()) return Annotate(config.status(), options.input);
    peft = *std::move(config);
  }
  if (const absl::Status written = ExportLora(options.output, exported);
      !written.ok()) {
    return Annotate(written, options.input);
  }
  if (!peft.empty()) {
    const auto folder = std::filesystem::path(options.output).parent_path();
    result.files.push_back((folder / kPeftConfigName).string());
    HP_RETURN_IF_ERROR(WriteFileAtomically(result.files.back(), peft));
  }
  return result;
}

}  // namespace halfpipe
