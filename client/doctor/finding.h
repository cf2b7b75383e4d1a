// What `halfpipe doctor` says: a line for each thing that it looked at.
#ifndef HP_CLIENT_DOCTOR_FINDING_H_
#define HP_CLIENT_DOCTOR_FINDING_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace halfpipe {

enum class Verdict {
  kOk,
  kInfo,  // a fact without a right or wrong
  kWarn,  // works, but slower or with less than it could
  kFail,  // training will not work
};

struct Finding {
  std::string subject = {};  // "driver", "gpu 0", "disk"
  Verdict verdict = Verdict::kInfo;
  std::string found = {};   // what there is, with its numbers
  std::string advice = {};  // what to do; empty for ok and info
};

using Findings = std::vector<Finding>;

// "ok", "info", "warn", "FAIL".
[[nodiscard]] std::string VerdictName(Verdict verdict);

// A line a finding, the advice under it.
[[nodiscard]] std::string FindingsText(const Findings& findings);

// {"schema": 1, "verdict": the worst, "findings": [...]}.
[[nodiscard]] nlohmann::ordered_json FindingsJson(const Findings& findings);

// The worst of all; kOk where there is none.
[[nodiscard]] Verdict WorstOf(const Findings& findings);

}  // namespace halfpipe

#endif  // HP_CLIENT_DOCTOR_FINDING_H_
