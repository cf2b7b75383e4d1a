#include "common/data/checked_prompt.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/data/readable_text.h"
#include "nlohmann/json.hpp"

namespace halfpipe {
namespace {

// What others write instead of nothing.
constexpr absl::string_view kMissingValues[] = {"nan", "none", "null", "n/a",
                                                "undefined"};

// What servers send, and programs write, in place of a text.
constexpr absl::string_view kNoTexts[] = {"404: Not Found",
                                          "404 Not Found",
                                          "Entry not found",
                                          "403: Forbidden",
                                          "403 Forbidden",
                                          "Access denied",
                                          "[object Object]",
                                          "\"\"",
                                          "''",
                                          "[]",
                                          "{}"};

}  // namespace

std::string CheckedPrompt(const std::string& text, const std::string& where,
                          ReadLog* log) {
  const std::string problem = TextProblem(text);
  if (!problem.empty()) {
    log->Problem(where, absl::StrCat("the prompt ", problem));
    return "";
  }
  if (text.size() > kMaxCaptionBytes) {
    log->Problem(where,
                 absl::StrCat("the prompt has ", text.size(),
                              " bytes; expected at most ", kMaxCaptionBytes));
    return "";
  }
  std::string prompt(absl::StripAsciiWhitespace(WithoutMark(text)));
  if (IsBlank(prompt)) {
    log->Problem(where, "the prompt is empty");
    return "";
  }
  for (const absl::string_view no_text : kNoTexts) {
    if (!absl::EqualsIgnoreCase(prompt, no_text)) continue;
    log->Problem(where, absl::StrCat("the prompt is ", no_text,
                                     ", which is no caption: write one in its "
                                     "place"));
    return "";
  }
  if (absl::StartsWith(prompt, "{") && nlohmann::json::accept(prompt)) {
    log->Warn(where,
              "the prompt is a JSON object, and trained as it stands, with its "
              "braces and keys; write the text alone if that is not meant");
  }
  for (const absl::string_view missing : kMissingValues) {
    if (absl::EqualsIgnoreCase(prompt, missing)) {
      log->Warn(where, absl::StrCat("the prompt is '", prompt,
                                    "', which programs write where there is "
                                    "none"));
    }
  }
  if (MixesScripts(prompt)) {
    log->Warn(where, absl::StrCat("the prompt mixes scripts, as text in GBK "
                                  "does that is read as UTF-8: '",
                                  Shortened(prompt, 40), "'"));
  }
  if (absl::StrContains(prompt, "\xEF\xBF\xBD")) {
    log->Warn(where,
              "the prompt holds U+FFFD, which stands for a character that was "
              "lost when the text was converted");
  }
  return prompt;
}

}  // namespace halfpipe
