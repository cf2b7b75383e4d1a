#include "common/config/digest_text.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "common/config/job_fields.h"

namespace halfpipe {
namespace {

constexpr absl::string_view kSteps = "train.steps";

}  // namespace

std::string DigestText::WithSteps(int64_t steps) const {
  return absl::StrCat(before, kSteps, ": ", steps, "\n", after);
}

DigestText DigestTextOf(const JobConfig& config) {
  JobConfig defaults;
  JobConfig copy = WithResolvedAlpha(config);
  const std::vector<Field> plain = JobFields(&defaults);
  const std::vector<Field> fields = JobFields(&copy);
  DigestText text;
  std::string* part = &text.before;
  for (size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].key == kSteps) {
      part = &text.after;
      continue;
    }
    if (!fields[i].role.in_digest()) continue;
    const std::string value = fields[i].value->Write();
    if (fields[i].role.late && value == plain[i].value->Write()) continue;
    absl::StrAppend(part, fields[i].key, ": ", value, "\n");
  }
  return text;
}

JobConfig WithResolvedAlpha(JobConfig config) {
  if (config.lora.alpha == 0.0) {
    config.lora.alpha = static_cast<double>(config.lora.rank);
  }
  return config;
}

}  // namespace halfpipe
