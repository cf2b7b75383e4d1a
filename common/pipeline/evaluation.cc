#include "common/pipeline/evaluation.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/pipeline/lower.h"
#include "common/pipeline/validate.h"

namespace halfpipe::pipeline {
namespace {

ActionLists Forwards(const SegmentTable& table, int32_t microbatches) {
  ActionLists lists(static_cast<size_t>(table.rank_count()));
  // With one rank there is nothing to overlap.
  const int32_t lag = table.rank_count() == 1 ? 0 : 1;
  const int32_t slots = microbatches + lag * (table.segment_count() - 1);
  for (int32_t slot = 0; slot < slots; ++slot) {
    for (int32_t s = 0; s < table.segment_count(); ++s) {
      const int32_t m = slot - lag * s;
      if (m < 0 || m >= microbatches) continue;
      const Rank rank = table.rank_of(Segment(s));
      lists[static_cast<size_t>(rank.value())].push_back(
          {Op::kForward, Segment(s), Microbatch(m)});
    }
  }
  return lists;
}

}  // namespace

absl::StatusOr<Schedule> BuildEvaluation(const ScheduleOptions& training,
                                         int32_t microbatches) {
  if (microbatches < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("an evaluation of ", microbatches, " micro-batches"));
  }
  HP_ASSIGN_OR_RETURN(SegmentTable table, TableOf(training));
  HP_ASSIGN_OR_RETURN(
      ActionLists ranks,
      Lower(table, Forwards(table, microbatches), ListKind::kEvaluation));
  HP_ASSIGN_OR_RETURN(std::vector<RankUse> use,
                      Validate(table, microbatches, ranks, /*max_live=*/0,
                               ListKind::kEvaluation));
  ScheduleOptions options = training;
  options.microbatches = microbatches;
  std::string hash = ScheduleHash(ranks);
  return Schedule{options, std::move(ranks), std::move(use), std::move(hash)};
}

}  // namespace halfpipe::pipeline
