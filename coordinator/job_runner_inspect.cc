// A check's second half: both stages decode what would be encoded.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "coordinator/job_runner.h"

namespace halfpipe {

void JobRunner::BeginInspect() {
  if (plan_.quick) {
    return Finish(JobTrigger::kComplete,
                  "no problems found; no clip was decoded (--quick)");
  }
  // What lies in the cache was decoded with these settings from these bytes.
  BeginEncode();
}

void JobRunner::OnInspected() {
  const auto cached =
      std::count_if(scan_->samples.begin(), scan_->samples.end(),
                    [](const SampleRef& sample) { return sample.cached; });
  // As of one whose samples were all looked at.
  host_->Emit(EncodingProgress{static_cast<int64_t>(scan_->samples.size()),
                               static_cast<int64_t>(scan_->samples.size()),
                               "looked at clips"});
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
