// What follows the scan of a check, and of a job that has problems: both stages
// decode what would be encoded.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/failure.h"
#include "common/base/status.h"
#include "coordinator/run/job_runner.h"

namespace halfpipe {

void JobRunner::BeginInspect() {
  if (plan_.quick) {
    return Finish(JobTrigger::kComplete,
                  "no problems found; no clip was decoded (--quick)");
  }
  // What lies in the cache was decoded with these settings from these bytes.
  BeginEncode();
}

bool JobRunner::Inspects() const {
  return plan_.kind == JobKind::kCheck || !scan_->problems.ok();
}

void JobRunner::LookBesideProblems() {
  const std::vector<std::string> lines =
      absl::StrSplit(scan_->problems.message(), '\n');
  if (plan_.quick || scan_->samples.empty()) return Fail(FoundProblems());
  // Who knows enough by that need not wait for the rest.
  Say(LogSeverity::kWarning,
      absl::StrCat("the job cannot run: ", lines.front(),
                   lines.size() == 1
                       ? ""
                       : absl::StrCat(" (and ", lines.size() - 1, " more)"),
                   ". Its clips are looked at too, so that all is named at "
                   "once"));
  BeginEncode();
}

absl::Status JobRunner::FoundProblems() const {
  return Annotate(Described(scan_->problems, 0), "stage 0, scan");
}

std::set<std::string> JobRunner::ProblemLines() const {
  std::set<std::string> lines;
  for (const absl::Status& problems : {scan_->problems, FoundProblems()}) {
    for (const absl::string_view line :
         absl::StrSplit(problems.message(), '\n')) {
      lines.emplace(line);
    }
  }
  return lines;
}

absl::Status JobRunner::BehindProblems(const absl::Status& error) const {
  if (error.ok() || !scan_.has_value() || scan_->problems.ok()) return error;
  const absl::Status problems = FoundProblems();
  std::set<std::string> said = ProblemLines();
  std::string lines(problems.message());
  for (const absl::string_view line : absl::StrSplit(error.message(), '\n')) {
    if (line.empty() || !said.emplace(line).second) continue;
    absl::StrAppend(&lines, "\n", line);
  }
  absl::Status all(problems.code(), lines);
  SetFailure(DescribeFailure(problems), &all);
  return all;
}

void JobRunner::OnInspected() {
  if (!scan_->problems.ok()) return Fail(FoundProblems());
  const auto cached =
      std::count_if(scan_->samples.begin(), scan_->samples.end(),
                    [](const SampleRef& sample) { return sample.cached; });
  // As of one whose samples were all looked at.
  host_->Emit(EncodingProgress{static_cast<int64_t>(scan_->samples.size()),
                               static_cast<int64_t>(scan_->samples.size()),
                               "looked at clips", StageWork::kLookingAtClips});
  Finish(JobTrigger::kComplete,
         cached == 0
             ? "no problems found"
             : absl::StrCat("no problems found; ", cached, " of ",
                            scan_->samples.size(),
                            " samples are in the cache and were not decoded"));
}

void JobRunner::WarnOfShortClips() {
  if (short_clips_.empty()) return;
  const auto shortest =
      std::min_element(short_clips_.begin(), short_clips_.end(),
                       [](const ShortClip& a, const ShortClip& b) {
                         return std::pair(a.frames, a.media_path) <
                                std::pair(b.frames, b.media_path);
                       });
  Say(LogSeverity::kWarning,
      absl::StrCat(short_clips_.size(), " of ", scan_->samples.size(),
                   " samples give fewer frames than data.frames (",
                   plan_.config.data.frames, "): the shortest, ",
                   shortest->media_path, ", gives ", shortest->frames));
}

}  // namespace halfpipe
