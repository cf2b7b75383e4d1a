#include "coordinator/store/job_queue.h"

namespace halfpipe {

void JobQueue::Add(const std::string& id, int64_t number, int64_t priority,
                   int64_t bytes) {
  Remove(id);
  const Place place(-priority, number);
  entries_[id] = {place, bytes};
  bytes_ += bytes;
  order_.insert({place, id});
}

void JobQueue::Remove(const std::string& id) {
  auto found = entries_.find(id);
  if (found == entries_.end()) return;
  bytes_ -= found->second.bytes;
  order_.erase(found->second.place);
  entries_.erase(found);
}

int64_t JobQueue::Position(const std::string& id) const {
  auto found = entries_.find(id);
  if (found == entries_.end()) return 0;
  return static_cast<int64_t>(order_.order_of_key(found->second.place)) + 1;
}

std::vector<std::string> JobQueue::First(size_t limit) const {
  std::vector<std::string> ids;
  for (const auto& [place, id] : order_) {
    if (ids.size() == limit) break;
    ids.push_back(id);
  }
  return ids;
}

}  // namespace halfpipe
