#include "coordinator/job_queue.h"

namespace halfpipe {

void JobQueue::Add(int32_t priority, int64_t number, const std::string& id) {
  jobs_.insert(KeyOf(priority, number, id));
}

void JobQueue::Remove(int32_t priority, int64_t number, const std::string& id) {
  jobs_.erase(KeyOf(priority, number, id));
}

int64_t JobQueue::PositionOf(int32_t priority, int64_t number,
                             const std::string& id) const {
  const Key key = KeyOf(priority, number, id);
  if (jobs_.find(key) == jobs_.end()) return 0;
  return static_cast<int64_t>(jobs_.order_of_key(key)) + 1;
}

void JobQueue::ForEach(
    const std::function<bool(const std::string& id, int64_t position)>& visit)
    const {
  int64_t position = 0;
  for (const auto& [priority, number, id] : jobs_) {
    if (!visit(id, ++position)) return;
  }
}

}  // namespace halfpipe
