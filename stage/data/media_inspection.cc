#include "stage/data/media_inspection.h"

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace halfpipe {
namespace {

// Files that one child reads: enough that starting it is nothing, few enough
// that the last ones are shared out.
constexpr size_t kMaxFilesAChild = 16;
constexpr size_t kChildrenAThread = 4;

size_t ThreadCount(const InspectionOptions& options, size_t items) {
  const size_t wanted = options.parallel > 0
                            ? static_cast<size_t>(options.parallel)
                            : std::max(1U, std::thread::hardware_concurrency());
  return std::min(wanted, std::max<size_t>(1, items));
}

// The items, handed out in runs, and what was found, from several threads.
class Inspection {
 public:
  Inspection(const std::vector<DecodeItem>& items,
             const InspectionOptions& options)
      : items_(items),
        options_(options),
        threads_(ThreadCount(options, items.size())),
        files_a_child_(std::clamp<size_t>(
            items.size() / (threads_ * kChildrenAThread), 1, kMaxFilesAChild)),
        results_(items.size()) {}

  [[nodiscard]] size_t threads() const { return threads_; }

  // Until nothing is left; one call a thread.
  void Work() {
    const DecoderClient decoder(options_.decoder);
    while (std::optional<size_t> first = TakeRun()) {
      const size_t end = std::min(items_.size(), *first + files_a_child_);
      const std::vector<DecodeItem> run(items_.begin() + *first,
                                        items_.begin() + end);
      absl::Status status = decoder.DecodeBatch(
          run, [&](size_t i, const absl::StatusOr<DecodedClip>& clip) {
            return Keep(*first + i, clip);
          });
      if (!status.ok()) Fail(status);
    }
  }

  absl::StatusOr<std::vector<absl::StatusOr<MediaFacts>>> Finish() {
    absl::MutexLock lock(&mutex_);
    if (!failure_.ok()) return failure_;
    std::vector<absl::StatusOr<MediaFacts>> results;
    results.reserve(results_.size());
    for (auto& result : results_) results.push_back(*std::move(result));
    return results;
  }

 private:
  std::optional<size_t> TakeRun() {
    absl::MutexLock lock(&mutex_);
    if (!failure_.ok() || next_ >= items_.size()) return std::nullopt;
    return std::exchange(next_, next_ + files_a_child_);
  }

  absl::Status Keep(size_t i, const absl::StatusOr<DecodedClip>& clip) {
    if (options_.stop.stop_requested()) {
      return absl::CancelledError("the inspection was stopped");
    }
    absl::MutexLock lock(&mutex_);
    results_[i] = clip.ok() ? absl::StatusOr<MediaFacts>(clip->facts)
                            : absl::StatusOr<MediaFacts>(clip.status());
    ++done_;
    if (options_.on_progress) options_.on_progress(done_, items_.size());
    return failure_;
  }

  void Fail(const absl::Status& status) {
    absl::MutexLock lock(&mutex_);
    if (failure_.ok()) failure_ = status;
  }

  const std::vector<DecodeItem>& items_;
  const InspectionOptions& options_;
  const size_t threads_;
  const size_t files_a_child_;
  absl::Mutex mutex_;
  size_t next_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t done_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::optional<absl::StatusOr<MediaFacts>>> results_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<std::vector<absl::StatusOr<MediaFacts>>> InspectMedia(
    const std::vector<DecodeItem>& items, const InspectionOptions& options) {
  Inspection inspection(items, options);
  {
    std::vector<std::jthread> threads;
    for (size_t i = 1; i < inspection.threads(); ++i) {
      threads.emplace_back([&inspection] { inspection.Work(); });
    }
    inspection.Work();
  }
  return inspection.Finish();
}

}  // namespace halfpipe
