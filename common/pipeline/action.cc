#include "common/pipeline/action.h"

#include <array>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"

namespace halfpipe::pipeline {
namespace {

constexpr absl::string_view kNormText = "NORM";
constexpr absl::string_view kStepText = "STEP";

// The operations that name a segment and a micro-batch.
struct OpText {
  Op op;
  absl::string_view text;
};

constexpr std::array<OpText, 6> kOpTexts = {{
    {Op::kForward, "F"},
    {Op::kBackward, "B"},
    {Op::kSendActivation, "SF"},
    {Op::kReceiveActivation, "RF"},
    {Op::kSendGradient, "SB"},
    {Op::kReceiveGradient, "RB"},
}};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

absl::Status BadAction(absl::string_view text) {
  return absl::InvalidArgumentError(absl::StrCat(
      "'", text,
      "' is no action: expected <segment><F|B|SF|RF|SB|RB><micro-batch>, as "
      "in 1F3, or NORM or STEP"));
}

}  // namespace

std::string ToString(const Action& action) {
  if (action.op == Op::kExchangeGradNorm) return std::string(kNormText);
  if (action.op == Op::kOptimizerStep) return std::string(kStepText);
  for (const OpText& entry : kOpTexts) {
    if (entry.op == action.op) {
      return absl::StrCat(action.segment.value(), entry.text,
                          action.microbatch.value());
    }
  }
  HP_CHECK(false);
}

absl::StatusOr<Action> ParseAction(absl::string_view text) {
  if (text == kNormText) return Action{Op::kExchangeGradNorm, {}, {}};
  if (text == kStepText) return Action{Op::kOptimizerStep, {}, {}};
  size_t op_begin = 0;
  while (op_begin < text.size() && IsDigit(text[op_begin])) ++op_begin;
  size_t op_end = op_begin;
  while (op_end < text.size() && !IsDigit(text[op_end])) ++op_end;
  const absl::string_view digits = text.substr(op_end);
  int32_t segment = 0;
  int32_t microbatch = 0;
  if (!absl::SimpleAtoi(text.substr(0, op_begin), &segment) ||
      digits.find_first_not_of("0123456789") != absl::string_view::npos ||
      !absl::SimpleAtoi(digits, &microbatch)) {
    return BadAction(text);
  }
  for (const OpText& entry : kOpTexts) {
    if (entry.text == text.substr(op_begin, op_end - op_begin)) {
      return Action{entry.op, Segment(segment), Microbatch(microbatch)};
    }
  }
  return BadAction(text);
}

std::string ToString(const std::vector<Action>& actions) {
  return absl::StrJoin(actions, " ",
                       [](std::string* out, const Action& action) {
                         absl::StrAppend(out, ToString(action));
                       });
}

absl::StatusOr<std::vector<Action>> ParseActions(absl::string_view text) {
  std::vector<Action> actions;
  for (absl::string_view word : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    HP_ASSIGN_OR_RETURN(Action action, ParseAction(word));
    actions.push_back(action);
  }
  return actions;
}

}  // namespace halfpipe::pipeline
