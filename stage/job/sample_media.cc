#include "stage/job/sample_media.h"

#include <cstdint>
#include <string>

#include "common/store/file_form.h"
#include "stage/data/decoder_client.h"

namespace halfpipe {
namespace {

// A word for metrics.
std::string ReasonOf(const absl::Status& rejected) {
  if (absl::IsOutOfRange(rejected)) return "too_short";
  return absl::IsDeadlineExceeded(rejected) ? "timeout" : "unreadable";
}

}  // namespace

void RejectSample(const SampleRef& sample, const absl::Status& problem,
                  EncodeResult* result) {
  const absl::Status content = CheckHasContent(sample.media_path);
  result->rejected.emplace_back(content.ok() ? problem.message()
                                             : content.message());
  result->rejected_paths.push_back(sample.latents_path);
  ++result->rejected_by_reason[ReasonOf(problem)];
}

void NoteLength(const DataConfig& data, const SampleRef& sample,
                const MediaFacts& facts, EncodeResult* result) {
  const int64_t frames = UsableFrames(facts.frames, data.frames);
  if (facts.is_picture || frames >= data.frames) return;
  result->short_clips.push_back({sample.media_path, frames});
}

}  // namespace halfpipe
