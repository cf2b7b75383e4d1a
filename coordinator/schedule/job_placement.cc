#include "coordinator/schedule/job_placement.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "coordinator/run/job_plan.h"

namespace halfpipe {
namespace {

constexpr absl::string_view kCpu = "cpu";

}  // namespace

JobNeeds NeedsOf(const JobConfig& config, const JobSpec& spec) {
  JobNeeds needs;
  needs.pair = spec.pair;
  needs.stages = config.pipeline.stages;
  // A check reads and decodes files, which every stage can: it also runs where
  // the job itself could not.
  if (spec.kind != JobKind::kCheck) needs.device = config.pipeline.device;
  // Only training writes there.
  if (spec.kind == JobKind::kTrain) {
    needs.output_dir = NormalFolder(config.output.dir);
  }
  needs.join_timeout = spec.join_timeout;
  return needs;
}

std::string MissingStages(const std::vector<StageInfo>& stages, int64_t world) {
  std::string missing;
  for (int64_t rank = 0; rank < world; ++rank) {
    const bool here = std::any_of(
        stages.begin(), stages.end(),
        [rank](const StageInfo& stage) { return stage.rank.value() == rank; });
    if (here) continue;
    absl::StrAppend(&missing, missing.empty() ? "" : " and ", "stage ", rank);
  }
  return missing;
}

std::string WhyUnfit(const JobNeeds& needs, const std::string& pair,
                     const std::vector<StageInfo>& stages) {
  if (!needs.pair.empty() && needs.pair != pair) {
    return absl::StrCat("the job asks for pair ", needs.pair);
  }
  for (const StageInfo& stage : stages) {
    if (stage.rank.value() >= needs.stages) continue;
    if (needs.device == DeviceType::kCuda && stage.device == kCpu) {
      return absl::StrCat("stage ", stage.rank.value(), " has no GPU");
    }
    if (needs.device == DeviceType::kCpu && stage.device != kCpu) {
      return absl::StrCat("stage ", stage.rank.value(), " computes on ",
                          stage.device);
    }
  }
  return "";
}

}  // namespace halfpipe
