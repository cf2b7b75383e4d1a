#include "stage/job/caption_lengths.h"

#include <algorithm>
#include <cstdint>
#include <unordered_map>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "stage/encoders/tokenized_prompt.h"

namespace halfpipe {
namespace {

constexpr size_t kMostNamed = 20;

// Whether the caption is too short to need counting: a byte of plain ASCII is
// at most one token; what may stand for more characters begins with '&'.
bool IsSurelyShort(const std::string& caption) {
  constexpr size_t kPrefixAndEnd = 2;
  return caption.size() + kPrefixAndEnd <= size_t{kPromptTokens} &&
         std::all_of(caption.begin(), caption.end(), [](char byte) {
           return static_cast<signed char>(byte) >= 0 && byte != '&';
         });
}

}  // namespace

absl::StatusOr<std::vector<std::string>> LongCaptionWarnings(
    const Tokenizer& tokenizer, const std::vector<Sample>& rows) {
  std::unordered_map<std::string, int64_t> counts;
  std::vector<std::string> warnings;
  size_t others = 0;
  std::string first_other;  // where it stands
  for (const Sample& row : rows) {
    if (IsSurelyShort(row.prompt)) continue;
    const auto [count, is_new] = counts.try_emplace(row.prompt, 0);
    if (is_new) {
      HP_ASSIGN_OR_RETURN(count->second, tokenizer.CountTokens(row.prompt));
    }
    if (count->second <= kPromptTokens) continue;
    if (warnings.size() == kMostNamed) {
      if (++others == 1) first_other = row.where;
      continue;
    }
    warnings.push_back(
        absl::StrCat(row.where, ": the caption has ", count->second,
                     " tokens, and the model reads ", kPromptTokens,
                     ": what comes after them is not trained; shorten it"));
  }
  if (others > 0) {
    warnings.push_back(absl::StrCat(first_other, ": the first of ", others,
                                    " more captions with over ", kPromptTokens,
                                    " tokens"));
  }
  return warnings;
}

}  // namespace halfpipe
