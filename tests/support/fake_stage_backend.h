// A StageBackend that answers at once, or waits for its stop.
#ifndef HP_TESTS_SUPPORT_FAKE_STAGE_BACKEND_H_
#define HP_TESTS_SUPPORT_FAKE_STAGE_BACKEND_H_

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "stage/runtime/stage_backend.h"

namespace halfpipe {

// Steps return their plan's numbers. Step -1 blocks until it is stopped, and
// Encode of a sample named "fault" is a device fault.
// Useful for: the worker's loop. Not useful for: anything a stage computes.
class FakeStageBackend : public StageBackend {
 public:
  // The names of the commands that ran, in order.
  std::vector<std::string> ran() const {
    absl::MutexLock lock(&mutex_);
    return ran_;
  }

  absl::StatusOr<ScanResult> Scan(const ScanCommand&,
                                  std::stop_token) override {
    return Ran("scan", ScanResult{});
  }

  absl::StatusOr<EncodeResult> Encode(const EncodeCommand& command,
                                      std::stop_token) override {
    if (!command.samples.empty() && command.samples[0].prompt == "fault") {
      return absl::InternalError("device fault");
    }
    return Ran("encode", EncodeResult{});
  }

  absl::StatusOr<OpenLinkResult> OpenLink(const OpenLinkCommand&,
                                          std::stop_token) override {
    return Ran("open-link", OpenLinkResult{});
  }

  absl::StatusOr<StartResult> Start(Epoch, const StartCommand&,
                                    std::stop_token) override {
    return Ran("start", StartResult{});
  }

  absl::StatusOr<StepResult> Step(const StepCommand& command,
                                  std::stop_token stop) override {
    if (command.plan.step.value() < 0) {
      std::mutex mutex;
      std::condition_variable_any stopped;
      std::unique_lock lock(mutex);
      stopped.wait(lock, stop, [] { return false; });
      return absl::CancelledError("step abandoned");
    }
    StepResult result;
    result.report.step = command.plan.step;
    return Ran("step", result);
  }

  absl::StatusOr<SaveResult> Save(const SaveCommand&,
                                  std::stop_token) override {
    return Ran("save", SaveResult{});
  }

  absl::StatusOr<ExportResult> Export(const ExportCommand&,
                                      std::stop_token) override {
    return Ran("export", ExportResult{});
  }

  absl::StatusOr<EndResult> End(const EndCommand&, std::stop_token) override {
    return Ran("end", EndResult{});
  }

  StageActivity activity() const override {
    return {halfpipe::Step(7), 3, {.work = StageWork::kTraining}, 100, 200};
  }

 private:
  template <typename Result>
  Result Ran(const char* name, Result result) {
    absl::MutexLock lock(&mutex_);
    ran_.emplace_back(name);
    return result;
  }

  mutable absl::Mutex mutex_;
  std::vector<std::string> ran_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace halfpipe

#endif  // HP_TESTS_SUPPORT_FAKE_STAGE_BACKEND_H_
