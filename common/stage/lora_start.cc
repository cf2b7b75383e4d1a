#include "common/stage/lora_start.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/from_blob.h>

#include <map>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/store/lora_file.h"

namespace halfpipe {

absl::Status StartFromLora(const std::string& path, const LoraSpec& spec,
                           const std::vector<LoraAdapter*>& adapters) {
  HP_ASSIGN_OR_RETURN(LoraFile file, ImportLora(path));
  std::map<std::string, LoraModule*> modules;
  for (LoraModule& module : file.modules) modules[module.module] = &module;
  for (LoraAdapter* adapter : adapters) {
    auto it = modules.find(adapter->module);
    if (it == modules.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("lora.init_from: ", path, " has no matrices for ",
                       adapter->module, ", which lora.targets asks for"));
    }
    LoraModule& module = *it->second;
    if (module.rank != spec.rank || module.in != adapter->in ||
        module.out != adapter->out) {
      return absl::InvalidArgumentError(
          absl::StrCat("lora.init_from: ", path, ": ", adapter->module,
                       " has rank ", module.rank, " and ", module.in, " x ",
                       module.out, ", expected rank ", spec.rank, " and ",
                       adapter->in, " x ", adapter->out));
    }
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
