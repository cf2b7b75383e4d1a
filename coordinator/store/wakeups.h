// Waits for news of one thing among many.
#ifndef HP_COORDINATOR_STORE_WAKEUPS_H_
#define HP_COORDINATOR_STORE_WAKEUPS_H_

#include <map>
#include <string>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace halfpipe {

// Condition variables by key, each there while somebody waits: an event of one
// job wakes those who watch that job, not hundreds of others. Every call needs
// the mutex that guards the object.
class Wakeups {
 public:
  // Releases `mutex` until Wake(key), WakeAll or the deadline; may also return
  // without a reason.
  void Wait(const std::string& key, absl::Time deadline, absl::Mutex* mutex);
  void Wake(const std::string& key);
  void WakeAll();

 private:
  struct Sleepers {
    absl::CondVar changed;
    int count = 0;
  };

  std::map<std::string, Sleepers> sleepers_;
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_STORE_WAKEUPS_H_
