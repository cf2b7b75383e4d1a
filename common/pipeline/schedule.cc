#include "common/pipeline/schedule.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/digest.h"
#include "common/base/status.h"
#include "common/pipeline/build.h"
#include "common/pipeline/lower.h"
#include "common/pipeline/validate.h"

namespace halfpipe::pipeline {
namespace {

struct NameText {
  ScheduleName name;
  absl::string_view text;
};

constexpr std::array<NameText, 4> kNames = {{
    {ScheduleName::kOneFOneB, "1f1b"},
    {ScheduleName::kGpipe, "gpipe"},
    {ScheduleName::kSequential, "sequential"},
    {ScheduleName::kInterleaved, "interleaved"},
}};

absl::StatusOr<ActionLists> BuildCompute(const ScheduleOptions& options,
                                         const SegmentTable& table) {
  switch (options.name) {
    case ScheduleName::kOneFOneB:
      return BuildOneFOneB(table, options.microbatches, options.warmup);
    case ScheduleName::kGpipe:
      return BuildGpipe(table, options.microbatches);
    case ScheduleName::kSequential:
      return BuildSequential(table, options.microbatches);
    case ScheduleName::kInterleaved:
      return BuildInterleaved(table, options.microbatches, options.live_chunks);
  }
  return absl::InvalidArgumentError("unknown schedule");
}

}  // namespace

absl::StatusOr<ScheduleName> ParseScheduleName(absl::string_view text) {
  for (const NameText& entry : kNames) {
    if (entry.text == text) return entry.name;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("unknown schedule '", text,
                   "': expected 1f1b, gpipe, sequential or interleaved"));
}

absl::string_view ToString(ScheduleName name) {
  for (const NameText& entry : kNames) {
    if (entry.name == name) return entry.text;
  }
  HP_CHECK(false);
}

int32_t ChunksOf(const ScheduleOptions& options) {
  const bool several =
      options.name == ScheduleName::kInterleaved && options.stages > 1;
  return several ? options.chunks : 1;
}

absl::StatusOr<SegmentTable> TableOf(const ScheduleOptions& options) {
  return SegmentTable::ForStages(options.stages, ChunksOf(options));
}

absl::StatusOr<Schedule> BuildSchedule(const ScheduleOptions& options) {
  if (options.microbatches < 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "micro_batches is ", options.microbatches, ", expected at least 1"));
  }
  HP_ASSIGN_OR_RETURN(SegmentTable table, TableOf(options));
  HP_ASSIGN_OR_RETURN(ActionLists compute, BuildCompute(options, table));
  HP_ASSIGN_OR_RETURN(ActionLists ranks, Lower(table, compute));
  HP_ASSIGN_OR_RETURN(
      std::vector<RankUse> use,
      Validate(table, options.microbatches, ranks, options.max_live));
  std::string hash = ScheduleHash(ranks);
  return Schedule{options, std::move(ranks), std::move(use), std::move(hash)};
}

std::vector<std::string> ToText(const ActionLists& ranks) {
  std::vector<std::string> texts;
  for (const std::vector<Action>& actions : ranks) {
    texts.push_back(ToString(actions));
  }
  return texts;
}

absl::StatusOr<ActionLists> ParseText(const std::vector<std::string>& texts) {
  ActionLists ranks;
  for (const std::string& text : texts) {
    absl::StatusOr<std::vector<Action>> actions = ParseActions(text);
    if (!actions.ok()) {
      return Annotate(actions.status(),
                      absl::StrCat("schedule of rank ", ranks.size()));
    }
    ranks.push_back(*std::move(actions));
  }
  return ranks;
}

std::string ScheduleHash(const ActionLists& ranks) {
  Sha256 digest;
  for (const std::string& text : ToText(ranks)) {
    digest.Update(text);
    digest.Update("\n");
  }
  return digest.HexDigest();
}

}  // namespace halfpipe::pipeline
