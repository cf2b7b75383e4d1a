#include "common/metrics/answer_threads.h"

#include <utility>

namespace halfpipe {

AnswerThreads::AnswerThreads(int count) {
  threads_.reserve(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) threads_.emplace_back([this] { Run(); });
}

AnswerThreads::~AnswerThreads() { Stop(); }

bool AnswerThreads::Submit(std::function<void()> task) {
  const absl::MutexLock lock(&mutex_);
  if (stopping_) return false;
  tasks_.push_back(std::move(task));
  return true;
}

void AnswerThreads::Stop() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void AnswerThreads::Run() {
  while (true) {
    std::function<void()> task;
    {
      const absl::MutexLock lock(&mutex_);
      const auto has_news = [this] {
        mutex_.AssertHeld();
        return stopping_ || !tasks_.empty();
      };
      mutex_.Await(absl::Condition(&has_news));
      if (tasks_.empty()) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
  }
}

}  // namespace halfpipe
