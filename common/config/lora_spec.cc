#include "common/config/lora_spec.h"

#include <cmath>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace halfpipe {

bool LoraSpec::Matches(absl::string_view module) const {
  for (const std::string& target : targets) {
    if (module == target || absl::EndsWith(module, absl::StrCat(".", target))) {
      return true;
    }
  }
  return false;
}

absl::Status LoraSpec::Validate() const {
  if (rank < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("lora.rank: expected 1 or more, found ", rank));
  }
  if (!std::isfinite(alpha) || alpha <= 0.0) {
    return absl::InvalidArgumentError(
        absl::StrCat("lora.alpha: expected a positive number, found ", alpha));
  }
  if (targets.empty()) {
    return absl::InvalidArgumentError(
        "lora.targets: expected at least one layer name, found none");
  }
  return absl::OkStatus();
}

}  // namespace halfpipe
