#include "stage/job/sample_inspector.h"

#include <algorithm>
#include <filesystem>
#include <thread>
#include <utility>

#include "common/base/disk_full.h"
#include "common/base/status.h"
#include "stage/data/media_inspection.h"
#include "stage/job/media_reading.h"
#include "stage/job/sample_media.h"

namespace halfpipe {
namespace {

// Both stages look at clips, on the cores of one machine as a rule.
int ThreadsFor(const JobConfig& config) {
  const auto cores = static_cast<int>(std::thread::hardware_concurrency());
  const auto stages = static_cast<int>(config.pipeline.stages);
  return std::max(1, cores / std::max(1, stages));
}

}  // namespace

absl::StatusOr<EncodeResult> InspectSamples(
    const JobConfig& config, const ModelSpec* model_spec,
    const std::vector<SampleRef>& samples,
    const SampleInspectorOptions& options, std::stop_token stop) {
  std::vector<DecodeItem> items;
  std::vector<const SampleRef*> refs;
  for (const SampleRef& sample : samples) {
    std::error_code ignored;
    if (std::filesystem::exists(sample.latents_path, ignored)) continue;
    items.push_back(MediaItem(config.data, sample.media_path));
    items.back().mode = DecodeMode::kInspect;
    refs.push_back(&sample);
  }
  EncodeResult result;
  if (items.empty()) return result;
  HP_ASSIGN_OR_RETURN(
      const std::vector<absl::StatusOr<MediaFacts>> found,
      InspectMedia(items, {.decoder = {.program = options.decoder_program},
                           .parallel = ThreadsFor(config),
                           .on_progress =
                               [&options](size_t done, size_t count) {
                                 options.on_progress(
                                     {StageWork::kLookingAtClips,
                                      static_cast<int64_t>(done),
                                      static_cast<int64_t>(count)});
                               },
                           .stop = std::move(stop)}));
  for (size_t i = 0; i < found.size(); ++i) {
    absl::Status problem = found[i].status();
    if (IsWaitedFor(problem)) return problem;
    if (problem.ok() && model_spec != nullptr) {
      problem =
          CheckStill(config.data, *model_spec, refs[i]->media_path, *found[i]);
    }
    if (problem.ok()) {
      NoteLength(config.data, *refs[i], *found[i], &result);
    } else {
      RejectSample(*refs[i], problem, &result);
    }
  }
  return result;
}

}  // namespace halfpipe
