#include "common/stage/sample_media.h"

#include <string>

#include "common/store/file_form.h"

namespace halfpipe {
namespace {

// A word for metrics.
std::string ReasonOf(const absl::Status& rejected) {
  if (absl::IsOutOfRange(rejected)) return "too_short";
  return absl::IsDeadlineExceeded(rejected) ? "timeout" : "unreadable";
}

}  // namespace

DecodeItem DecodeItemFor(const DataConfig& data, const SampleRef& sample) {
  return {.path = sample.media_path,
          .is_image = data.frames == 1,
          .frames = static_cast<uint32_t>(data.frames),
          .height = static_cast<uint32_t>(data.height),
          .width = static_cast<uint32_t>(data.width),
          .max_pixels = static_cast<uint32_t>(data.max_pixels)};
}

void RejectSample(const SampleRef& sample, const absl::Status& problem,
                  EncodeResult* result) {
  const absl::Status content = CheckHasContent(sample.media_path);
  result->rejected.emplace_back(content.ok() ? problem.message()
                                             : content.message());
  result->rejected_paths.push_back(sample.latents_path);
  ++result->rejected_by_reason[ReasonOf(problem)];
}

void NoteLength(const DataConfig& data, const SampleRef& sample, int64_t frames,
                EncodeResult* result) {
  if (frames >= data.frames) return;
  result->short_clips.push_back({sample.media_path, frames});
}

}  // namespace halfpipe
