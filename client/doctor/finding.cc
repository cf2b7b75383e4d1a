#include "client/doctor/finding.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace halfpipe {

std::string VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kOk:
      return "ok";
    case Verdict::kInfo:
      return "info";
    case Verdict::kWarn:
      return "warn";
    case Verdict::kFail:
      return "FAIL";
  }
  return "";
}

Verdict WorstOf(const Findings& findings) {
  Verdict worst = Verdict::kOk;
  for (const Finding& finding : findings) {
    if (finding.verdict != Verdict::kInfo) {
      worst = std::max(worst, finding.verdict);
    }
  }
  return worst;
}

std::string FindingsText(const Findings& findings) {
  size_t width = 0;
  for (const Finding& finding : findings) {
    width = std::max(width, finding.subject.size());
  }
  std::string text;
  for (const Finding& finding : findings) {
    absl::StrAppend(
        &text, absl::StrFormat("%-4s  %-*s  %s\n", VerdictName(finding.verdict),
                               static_cast<int>(width), finding.subject,
                               finding.found));
    if (!finding.advice.empty()) {
      absl::StrAppend(&text, std::string(width + 8, ' '), "-> ", finding.advice,
                      "\n");
    }
  }
  return text;
}

nlohmann::ordered_json FindingsJson(const Findings& findings) {
  nlohmann::ordered_json json = {{"schema", 1},
                                 {"verdict", VerdictName(WorstOf(findings))},
                                 {"findings", nlohmann::ordered_json::array()}};
  for (const Finding& finding : findings) {
    json["findings"].push_back({{"subject", finding.subject},
                                {"verdict", VerdictName(finding.verdict)},
                                {"found", finding.found},
                                {"advice", finding.advice}});
  }
  return json;
}

}  // namespace halfpipe
