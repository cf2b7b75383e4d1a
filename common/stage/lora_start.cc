#include "common/stage/lora_start.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/from_blob.h>

#include <map>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/store/lora_file.h"
#include "common/wan/linear_shapes.h"
#include "common/wan/lora_targets.h"

namespace halfpipe {

namespace {

using Modules = std::map<std::string, LoraModule*>;

// The file's module for a layer, if it has the right sizes.
absl::StatusOr<LoraModule*> ModuleFor(const std::string& path,
                                      const Modules& modules,
                                      const std::string& name, int64_t rank,
                                      int64_t in, int64_t out) {
  auto it = modules.find(name);
  if (it == modules.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("lora.init_from: ", path, " has no matrices for ", name,
                     ", which lora.targets asks for"));
  }
  LoraModule& module = *it->second;
  if (module.rank == rank && module.in == in && module.out == out) {
    return &module;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("lora.init_from: ", path, ": ", name, " has rank ",
                   module.rank, " and ", module.in, " x ", module.out,
                   ", expected rank ", rank, " and ", in, " x ", out));
}

Modules ModulesOf(LoraFile* file) {
  Modules modules;
  for (LoraModule& module : file->modules) modules[module.module] = &module;
  return modules;
}

}  // namespace

absl::StatusOr<LoraStartReport> CheckLoraStart(
    const LoraConfig& lora, const WanArchitecture& architecture) {
  if (lora.init_from.empty()) return LoraStartReport{};
  absl::StatusOr<LoraFile> file = ImportLora(lora.init_from);
  if (!file.ok()) return Annotate(file.status(), "lora.init_from");
  const Modules modules = ModulesOf(&*file);
  const LinearShapes shapes = LinearShapesOf(architecture);
  HP_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                      LoraModules(architecture, {.rank = lora.rank,
                                                 .alpha = lora.alpha,
                                                 .targets = lora.targets}));
  for (const std::string& name : names) {
    const LinearShape& shape = shapes.at(name);
    HP_RETURN_IF_ERROR(
        ModuleFor(lora.init_from, modules, name, lora.rank, shape.in, shape.out)
            .status());
  }
  return LoraStartReport{};
}

absl::Status StartFromLora(const std::string& path, const LoraSpec& spec,
                           const std::vector<LoraAdapter*>& adapters) {
  HP_ASSIGN_OR_RETURN(LoraFile file, ImportLora(path));
  const Modules modules = ModulesOf(&file);
  for (LoraAdapter* adapter : adapters) {
    HP_ASSIGN_OR_RETURN(LoraModule * found,
                        ModuleFor(path, modules, adapter->module, spec.rank,
                                  adapter->in, adapter->out));
    LoraModule& module = *found;
    adapter->a.master.copy_(
        at::from_blob(module.a.data(), {module.rank, module.in}, at::kFloat));
    // The file's B holds its own alpha / rank; ours is applied again later.
    adapter->b.master.copy_(
        at::from_blob(module.b.data(), {module.out, module.rank}, at::kFloat) /
        spec.scale());
    adapter->RefreshComputeCopies();
  }
  return absl::OkStatus();
}

}  // namespace halfpipe
