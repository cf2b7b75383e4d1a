#include "coordinator/schedule/pair_fit.h"

#include "absl/status/statusor.h"

namespace halfpipe {

PairFit::Pairs PairFit::PairsNow() const {
  Pairs pairs;
  for (const std::string& pair : registry_->Pairs()) {
    pairs.emplace_back(pair, registry_->StagesOf(pair));
  }
  return pairs;
}

std::string PairFit::WhyNotFor(const std::string& job, const JobNeeds& needs,
                               const std::string& pair,
                               const std::vector<StageInfo>& stages) const {
  const auto found = too_small_.find(job);
  if (found != too_small_.end() && found->second.contains(pair)) {
    return "the model does not fit its memory";
  }
  return WhyUnfit(needs, pair, stages);
}

bool PairFit::MayGoElsewhere(const std::string& job, const std::string& pair) {
  const absl::StatusOr<const JobNeeds*> found = book_->reader().Needs(job);
  if (!found.ok()) return false;
  const JobNeeds needs = **found;
  too_small_[job].insert(pair);
  for (const auto& [other, stages] : PairsNow()) {
    if (MissingStages(stages, needs.stages).empty() &&
        WhyNotFor(job, needs, other, stages).empty()) {
      return true;
    }
  }
  too_small_.erase(job);
  return false;
}

void PairFit::ForgetPair(const std::string& pair) {
  for (auto& [job, pairs] : too_small_) pairs.erase(pair);
}

}  // namespace halfpipe
