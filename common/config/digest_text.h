// The text that ConfigDigest is the SHA-256 of.
#ifndef HP_COMMON_CONFIG_DIGEST_TEXT_H_
#define HP_COMMON_CONFIG_DIGEST_TEXT_H_

#include <cstdint>
#include <string>

#include "common/config/job_config.h"

namespace halfpipe {

// "key: value" lines, so that a new field with another default, or two fields
// that trade values, give another digest. In two parts, with the line of
// train.steps between them.
struct DigestText {
  std::string before;
  std::string after;

  [[nodiscard]] std::string WithSteps(int64_t steps) const;
};

[[nodiscard]] DigestText DigestTextOf(const JobConfig& config);

// lora.alpha 0 stands for the rank.
[[nodiscard]] JobConfig WithResolvedAlpha(JobConfig config);

}  // namespace halfpipe

#endif  // HP_COMMON_CONFIG_DIGEST_TEXT_H_
