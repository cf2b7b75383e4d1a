#include "common/plan/activation_plan.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

constexpr std::array<char, 3> kFateLetters = {'k', 'o', 'r'};

// More blocks than any model has: a text that says so is damaged.
constexpr int64_t kMaxBlocks = 4096;

absl::StatusOr<Fate> FateOf(char letter) {
  for (size_t i = 0; i < kFateLetters.size(); ++i) {
    if (kFateLetters[i] == letter) return static_cast<Fate>(i);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("'", std::string(1, letter),
                   "' is none of k (keep), o (offload), r (recompute)"));
}

std::string Letters(const BlockPlan& block) {
  std::string letters;
  for (Fate fate : block.fates) {
    letters.push_back(kFateLetters[static_cast<size_t>(fate)]);
  }
  return letters;
}

absl::StatusOr<BlockPlan> ParseLetters(absl::string_view letters) {
  if (letters.size() != kSavedGroups) {
    return absl::InvalidArgumentError(absl::StrCat(
        "expected ", kSavedGroups, " letters, found '", letters, "'"));
  }
  BlockPlan block;
  for (size_t i = 0; i < kSavedGroups; ++i) {
    HP_ASSIGN_OR_RETURN(block.fates[i], FateOf(letters[i]));
  }
  return block;
}

// "12*kkkkkkkk" appended to `blocks`.
absl::Status AppendRun(absl::string_view word, std::vector<BlockPlan>* blocks) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(word, absl::MaxSplits('*', 1));
  int64_t count = 0;
  if (!absl::SimpleAtoi(parts.first, &count) || count < 1 ||
      count > kMaxBlocks) {
    return absl::InvalidArgumentError("expected COUNT*LETTERS");
  }
  HP_ASSIGN_OR_RETURN(BlockPlan block, ParseLetters(parts.second));
  blocks->insert(blocks->end(), static_cast<size_t>(count), block);
  return absl::OkStatus();
}

}  // namespace

absl::string_view ActivationPolicyName(ActivationPolicy policy) {
  switch (policy) {
    case ActivationPolicy::kKeep:
      return "keep";
    case ActivationPolicy::kOffload:
      return "offload";
    case ActivationPolicy::kRecompute:
      return "recompute";
  }
  return "unknown";
}

std::optional<ActivationPolicy> ParseActivationPolicy(absl::string_view name) {
  for (ActivationPolicy policy :
       {ActivationPolicy::kKeep, ActivationPolicy::kOffload,
        ActivationPolicy::kRecompute}) {
    if (name == ActivationPolicyName(policy)) return policy;
  }
  return std::nullopt;
}

absl::StatusOr<ActivationPlan> ActivationPlan::Create(
    std::vector<BlockPlan> blocks) {
  for (const BlockPlan& block : blocks) {
    if (block.of(SavedGroup::kInput) == Fate::kRecompute) {
      return absl::InvalidArgumentError(
          "a block's input cannot be recomputed: it comes from outside");
    }
  }
  ActivationPlan plan;
  plan.blocks_ = std::move(blocks);
  return plan;
}

ActivationPlan ActivationPlan::Uniform(ActivationPolicy policy,
                                       int64_t blocks) {
  BlockPlan block;
  switch (policy) {
    case ActivationPolicy::kKeep:
      block.fates.fill(Fate::kKeep);
      break;
    case ActivationPolicy::kOffload:
      block.fates.fill(Fate::kOffload);
      break;
    case ActivationPolicy::kRecompute:
      block.fates.fill(Fate::kRecompute);
      block.of(SavedGroup::kInput) = Fate::kKeep;
      break;
  }
  ActivationPlan plan;
  plan.blocks_.assign(static_cast<size_t>(blocks), block);
  return plan;
}

std::string ActivationPlan::ToText() const {
  std::vector<std::string> runs;
  for (size_t i = 0; i < blocks_.size();) {
    size_t end = i;
    while (end < blocks_.size() && blocks_[end] == blocks_[i]) ++end;
    runs.push_back(absl::StrCat(end - i, "*", Letters(blocks_[i])));
    i = end;
  }
  return absl::StrJoin(runs, " ");
}

absl::StatusOr<ActivationPlan> ActivationPlan::Parse(absl::string_view text) {
  std::vector<BlockPlan> blocks;
  for (absl::string_view word :
       absl::StrSplit(text, ' ', absl::SkipWhitespace())) {
    const absl::Status status = AppendRun(word, &blocks);
    if (!status.ok()) {
      return Annotate(status, absl::StrCat("memory plan: '", word, "'"));
    }
  }
  return Create(std::move(blocks));
}

}  // namespace halfpipe
