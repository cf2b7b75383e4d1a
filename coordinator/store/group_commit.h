// Changes of many callers in one transaction of the database.
#ifndef HP_COORDINATOR_STORE_GROUP_COMMIT_H_
#define HP_COORDINATOR_STORE_GROUP_COMMIT_H_

#include <functional>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "coordinator/store/sqlite.h"

namespace halfpipe {

// A commit waits for the disk, so it serves everybody who came while the one
// before it waited. There is no thread for this: of those who wait, one writes
// what all of them have queued and then wakes the others; whoever came
// meanwhile does the next.
//
// Thread-safe. The database is used by one caller of Wait at a time and by
// nobody else.
class GroupCommit {
 public:
  // Runs the statements of one change. Called once, by any thread that waits;
  // it must not touch what the queueing thread guards with a lock.
  using Change = std::function<absl::Status()>;

  // A change that was queued.
  class Entry;
  using Ticket = std::shared_ptr<Entry>;

  // `database` outlives it.
  explicit GroupCommit(SqliteDatabase* database) : database_(database) {}

  // Queues a change. Never waits for the disk. Changes are made in the order
  // in which they were queued.
  [[nodiscard]] Ticket Add(Change change);

  // Blocks until the change is on the disk, or has failed: then nothing of it
  // is there. A change that fails by itself leaves the others of its
  // transaction alone; a commit that fails gives its error to all of them.
  [[nodiscard]] absl::Status Wait(const Ticket& ticket);

  // Whether Wait would return at once. Tickets end in the order of Add.
  [[nodiscard]] bool IsDone(const Ticket& ticket);

 private:
  void Commit(const std::vector<Ticket>& batch);
  [[nodiscard]] absl::Status RunAll(const std::vector<Ticket>& batch);
  [[nodiscard]] absl::Status RunOne(Entry* entry, bool alone);

  SqliteDatabase* const database_;
  // Wakes one of those who wait, to commit what is queued.
  void WakeNextLeader() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::Mutex mutex_;
  bool committing_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<Ticket> queue_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_STORE_GROUP_COMMIT_H_
