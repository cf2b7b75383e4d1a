#include "stage/wan/lora_targets.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

std::vector<std::string> AllBlockLinears(const ModelSpec& model_spec) {
  std::vector<std::string> names;
  for (int64_t i = 0; i < model_spec.layers; ++i) {
    const std::vector<std::string> linears = LinearsOfBlock(model_spec, i);
    names.insert(names.end(), linears.begin(), linears.end());
  }
  return names;
}

absl::Status CheckTarget(const ModelSpec& model_spec, const std::string& target,
                         const std::vector<std::string>& names) {
  LoraSpec alone;
  alone.targets = {target};
  for (const std::string& outer : OuterLinears(model_spec)) {
    if (!alone.Matches(outer)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("lora.targets: '", target, "' matches ", outer,
                     ", but only layers inside the blocks can be trained"));
  }
  const bool matches =
      std::any_of(names.begin(), names.end(),
                  [&](const std::string& name) { return alone.Matches(name); });
  if (matches) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "lora.targets: '", target, "' matches no layer; a block has ",
      absl::StrJoin(BlockLinears(model_spec), ", ")));
}

}  // namespace

absl::StatusOr<std::vector<std::string>> LoraModules(
    const ModelSpec& model_spec, const LoraSpec& spec) {
  HP_RETURN_IF_ERROR(spec.Validate());
  const std::vector<std::string> names = AllBlockLinears(model_spec);
  for (const std::string& target : spec.targets) {
    HP_RETURN_IF_ERROR(CheckTarget(model_spec, target, names));
  }
  std::vector<std::string> modules;
  for (const std::string& name : names) {
    if (spec.Matches(name)) modules.push_back(name);
  }
  return modules;
}

}  // namespace halfpipe
