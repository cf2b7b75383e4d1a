#include "client/report/job_model.h"

#include <filesystem>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/model/checkpoint.h"
#include "common/model/known_variants.h"

namespace halfpipe {
namespace {

absl::StatusOr<ModelSpec> Named(const char* key, const std::string& variant,
                                int64_t layers) {
  absl::StatusOr<ModelSpec> known = KnownModel(variant, layers);
  if (!known.ok()) return Annotate(known.status(), key);
  return known;
}

}  // namespace

absl::StatusOr<ModelSpec> ReadJobModel(const ModelConfig& config) {
  if (config.is_random()) {
    return Named("model.random.variant", config.random.variant,
                 config.random.layers);
  }
  std::error_code error;
  if (std::filesystem::exists(config.dit, error)) {
    HP_ASSIGN_OR_RETURN(const WanCheckpoint checkpoint,
                        OpenWanCheckpoint(config.dit));
    return checkpoint.variant.spec;
  }
  if (config.variant != "auto" && !config.variant.empty()) {
    return Named("model.variant", config.variant, /*layers=*/0);
  }
  return absl::NotFoundError(absl::StrCat(
      "model.dit: ", config.dit,
      " is not on this machine; name model.variant to plan without it"));
}

}  // namespace halfpipe
