// The values of a job's keys as a digest covers them and a checkpoint records
// them, so that a later job file can be compared with it key by key.
#ifndef HP_COMMON_CONFIG_KEY_VALUES_H_
#define HP_COMMON_CONFIG_KEY_VALUES_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/config/job_config.h"

namespace halfpipe {

// Key to canonical value, as ToYaml writes it.
using KeyValues = std::map<std::string, std::string>;

// Every key that is not free (KeyClass) and names no path.
[[nodiscard]] KeyValues RecordedValues(const JobConfig& config);

// A key whose value is another one.
struct KeyChange {
  std::string key;
  std::string before;
  std::string now;  // "unknown to this version" for a key that is gone

  friend bool operator==(const KeyChange&, const KeyChange&) = default;
};

// The keys of class `decides` that `config` gives another value than
// `before`, which RecordedValues made, maybe of an older version: a key that it
// lacks had its default.
[[nodiscard]] std::vector<KeyChange> DecidingChanges(const KeyValues& before,
                                                     const JobConfig& config);

// The train.steps with which `config`, all else as it is, has this digest;
// nullopt where there is none up to 200,000: another training. `likely` is
// tried first. For what was written before values were recorded. Takes up to a
// second.
[[nodiscard]] std::optional<int64_t> StepsOfDigest(const JobConfig& config,
                                                   absl::string_view digest,
                                                   int64_t likely);

// The text that ConfigDigest is the SHA-256 of: "key: value" lines, so that a
// new field with another default, or two fields that trade values, give another
// digest. In two parts, with the line of train.steps between them.
struct DigestText {
  std::string before;
  std::string after;

  [[nodiscard]] std::string WithSteps(int64_t steps) const;
};

[[nodiscard]] DigestText DigestTextOf(const JobConfig& config);

// lora.alpha 0 stands for the rank.
[[nodiscard]] JobConfig WithResolvedAlpha(JobConfig config);

}  // namespace halfpipe

#endif  // HP_COMMON_CONFIG_KEY_VALUES_H_
