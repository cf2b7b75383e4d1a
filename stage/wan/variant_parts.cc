#include "stage/wan/variant_parts.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

// Of functions, which need no end of their own.
template <typename Load>
std::map<std::string, Load>& Table() {
  static auto* const table = new std::map<std::string, Load>();
  return *table;
}

template <typename Load>
absl::StatusOr<Load> Find(const std::string& name) {
  const auto found = Table<Load>().find(name);
  if (found != Table<Load>().end()) return found->second;
  return absl::UnimplementedError(
      absl::StrCat("this build has no mathematics for '", name, "'"));
}

}  // namespace

bool RegisterVariantModule(const std::string& kind, LoadVariantModuleFn load) {
  Table<LoadVariantModuleFn>()[kind] = load;
  return true;
}

bool RegisterVariantEmbedding(const std::string& variant,
                              LoadVariantEmbeddingFn load) {
  Table<LoadVariantEmbeddingFn>()[variant] = load;
  return true;
}

absl::StatusOr<std::unique_ptr<VariantModule>> LoadVariantModule(
    const LayerLoader& loader, const ExtraModule& module) {
  HP_ASSIGN_OR_RETURN(const LoadVariantModuleFn load,
                      Find<LoadVariantModuleFn>(module.kind));
  return load(loader, module);
}

absl::StatusOr<std::unique_ptr<VariantEmbedding>> LoadVariantEmbedding(
    const LayerLoader& loader) {
  HP_ASSIGN_OR_RETURN(const LoadVariantEmbeddingFn load,
                      Find<LoadVariantEmbeddingFn>(loader.spec().variant));
  return load(loader);
}

}  // namespace halfpipe
