#include "common/config/key_values.h"

#include <map>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/digest.h"
#include "common/config/job_fields.h"

namespace halfpipe {
namespace {

constexpr int64_t kMostSteps = 200000;

// The values of the keys for which `wanted` is true.
template <typename Predicate>
KeyValues Collect(const JobConfig& config, Predicate wanted) {
  JobConfig copy = WithResolvedAlpha(config);
  KeyValues values;
  for (const Field& field : JobFields(&copy)) {
    if (wanted(field)) {
      values.emplace(field.key, field.value->Write());
    }
  }
  return values;
}

bool Decides(const Field& field) {
  return field.role.key_class == KeyClass::kDecides;
}

// Whether two values of a key train the same.
bool IsSameValue(const KeyRole& role, const std::string& was,
                 const std::string& now) {
  if (was == now || !role.unordered) return was == now;
  const auto names = [](absl::string_view list) -> std::set<std::string> {
    absl::ConsumePrefix(&list, "[");
    absl::ConsumeSuffix(&list, "]");
    return absl::StrSplit(list, ", ");
  };
  return names(was) == names(now);
}

std::map<std::string, KeyRole> Roles() {
  JobConfig config;
  std::map<std::string, KeyRole> roles;
  for (const Field& field : JobFields(&config)) {
    roles.emplace(field.key, field.role);
  }
  return roles;
}

constexpr absl::string_view kSteps = "train.steps";

}  // namespace

KeyValues RecordedValues(const JobConfig& config) {
  return Collect(config, [](const Field& field) {
    return field.role.key_class != KeyClass::kFree &&
           field.value->path() == nullptr;
  });
}

std::vector<KeyChange> DecidingChanges(const KeyValues& before,
                                       const JobConfig& config) {
  const KeyValues defaults = Collect(JobConfig(), Decides);
  const std::map<std::string, KeyRole> roles = Roles();
  std::vector<KeyChange> changes;
  for (const auto& [key, now] : Collect(config, Decides)) {
    const auto found = before.find(key);
    const std::string& was =
        found == before.end() ? defaults.at(key) : found->second;
    if (!IsSameValue(roles.at(key), was, now)) {
      changes.push_back({key, was, now});
    }
  }
  for (const auto& [key, was] : before) {
    if (!roles.contains(key)) {
      changes.push_back({key, was, "unknown to this version"});
    }
  }
  return changes;
}

std::optional<int64_t> StepsOfDigest(const JobConfig& config,
                                     absl::string_view digest, int64_t likely) {
  const DigestText text = DigestTextOf(config);
  const auto has = [&](int64_t steps) {
    return Sha256Hex(text.WithSteps(steps)) == digest;
  };
  if (has(config.train.steps)) return config.train.steps;
  if (likely > 0 && has(likely)) return likely;
  for (int64_t steps = 1; steps <= kMostSteps; ++steps) {
    if (has(steps)) return steps;
  }
  return std::nullopt;
}

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
