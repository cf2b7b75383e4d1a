#include "common/stage/sample_inspector.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <optional>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/base/status.h"
#include "common/data/decoder_client.h"
#include "common/stage/sample_media.h"

namespace halfpipe {
namespace {

// Of one clip: how many frames it gives, or why it cannot be used.
using Frames = absl::StatusOr<int64_t>;

// Clips that several threads take one after the other.
class Inspection {
 public:
  Inspection(const std::vector<DecodeItem>& items,
             const SampleInspectorOptions& options, std::stop_token stop)
      : items_(items),
        options_(options),
        stop_(std::move(stop)),
        found_(items.size()) {}

  absl::StatusOr<std::vector<std::optional<Frames>>> Run(size_t threads) {
    Progress();
    {
      std::vector<std::jthread> workers;
      for (size_t i = 0; i < std::min(threads, items_.size()); ++i) {
        workers.emplace_back([this] { Work(); });
      }
    }
    absl::MutexLock lock(&mutex_);
    if (stop_.stop_requested()) {
      return absl::CancelledError("looking at the clips was stopped");
    }
    if (!broken_.ok()) return broken_;
    return std::move(found_);
  }

 private:
  void Work() {
    const DecoderClient decoder({.program = options_.decoder_program});
    while (!stop_.stop_requested()) {
      const size_t i = next_++;
      if (i >= items_.size()) return;
      absl::StatusOr<DecodedClip> clip = decoder.Decode(items_[i]);
      absl::MutexLock lock(&mutex_);
      if (absl::IsFailedPrecondition(clip.status())) broken_ = clip.status();
      if (!broken_.ok()) return;
      found_[i] = clip.ok() ? Frames(clip->frames) : Frames(clip.status());
      ++done_;
      Progress();
    }
  }

  void Progress() {
    options_.on_progress(
        absl::StrCat("looking at clips ", done_, "/", items_.size()));
  }

  const std::vector<DecodeItem>& items_;
  const SampleInspectorOptions& options_;
  const std::stop_token stop_;
  std::atomic<size_t> next_ = 0;
  absl::Mutex mutex_;
  size_t done_ = 0;
  absl::Status broken_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::optional<Frames>> found_ ABSL_GUARDED_BY(mutex_);
};

// Both stages look at clips, on the cores of one machine as a rule.
size_t ThreadsFor(const JobConfig& config) {
  const size_t cores = std::thread::hardware_concurrency();
  const auto stages = static_cast<size_t>(config.pipeline.stages);
  return std::max<size_t>(1, cores / std::max<size_t>(1, stages));
}

}  // namespace

absl::StatusOr<EncodeResult> InspectSamples(
    const JobConfig& config, const std::vector<SampleRef>& samples,
    const SampleInspectorOptions& options, std::stop_token stop) {
  std::vector<DecodeItem> items;
  std::vector<const SampleRef*> refs;
  for (const SampleRef& sample : samples) {
    std::error_code ignored;
    if (std::filesystem::exists(sample.latents_path, ignored)) continue;
    items.push_back(DecodeItemFor(config.data, sample));
    refs.push_back(&sample);
  }
  EncodeResult result;
  if (items.empty()) return result;
  HP_ASSIGN_OR_RETURN(
      const std::vector<std::optional<Frames>> found,
      Inspection(items, options, std::move(stop)).Run(ThreadsFor(config)));
  for (size_t i = 0; i < found.size(); ++i) {
    if (!found[i].has_value()) continue;
    const Frames& frames = *found[i];
    if (frames.ok()) {
      NoteLength(config.data, *refs[i], *frames, &result);
    } else {
      RejectSample(*refs[i], frames.status(), &result);
    }
  }
  return result;
}

}  // namespace halfpipe
