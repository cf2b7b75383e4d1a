// Threads that answer requests.
#ifndef HP_COMMON_METRICS_ANSWER_THREADS_H_
#define HP_COMMON_METRICS_ANSWER_THREADS_H_

#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace halfpipe {

// Runs tasks in the order they came, as many at once as there are threads.
// Thread-safe. Whoever submits bounds how many wait.
class AnswerThreads {
 public:
  explicit AnswerThreads(int count);
  // Stop.
  ~AnswerThreads();

  AnswerThreads(const AnswerThreads&) = delete;
  AnswerThreads& operator=(const AnswerThreads&) = delete;

  // False: Stop was called, and `task` will not run.
  [[nodiscard]] bool Submit(std::function<void()> task);
  // Waits until all that was submitted has run.
  void Stop();

 private:
  void Run();

  absl::Mutex mutex_;
  std::deque<std::function<void()>> tasks_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace halfpipe

#endif  // HP_COMMON_METRICS_ANSWER_THREADS_H_
