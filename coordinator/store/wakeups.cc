#include "coordinator/store/wakeups.h"

#include "common/base/steady_clock.h"

namespace halfpipe {

void Wakeups::Wait(const std::string& key, absl::Time deadline,
                   absl::Mutex* mutex) {
  // A node of a map stays where it is while others come and go.
  const auto entry = sleepers_.try_emplace(key).first;
  ++entry->second.count;
  entry->second.changed.WaitWithTimeout(mutex, deadline - SteadyNow());
  if (--entry->second.count == 0) sleepers_.erase(entry);
}

void Wakeups::Wake(const std::string& key) {
  if (auto entry = sleepers_.find(key); entry != sleepers_.end()) {
    entry->second.changed.SignalAll();
  }
}

void Wakeups::WakeAll() {
  for (auto& [key, sleepers] : sleepers_) sleepers.changed.SignalAll();
}

}  // namespace halfpipe
