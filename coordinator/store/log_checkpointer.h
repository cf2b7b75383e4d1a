// Empties the database's write-ahead log beside those who write to it.
#ifndef HP_COORDINATOR_STORE_LOG_CHECKPOINTER_H_
#define HP_COORDINATOR_STORE_LOG_CHECKPOINTER_H_

#include <cstdint>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "coordinator/store/sqlite.h"

namespace halfpipe {

// What is committed is in the log, and is copied into the database some time
// later. SQLite does that inside of the commit that fills the log, and
// everybody waits for it: under load that is every twentieth commit. Here a
// thread copies, while new commits lengthen the log; the first commit after it
// copies those few that came meanwhile, and the log begins anew.
class LogCheckpointer {
 public:
  // Observes `writer`, which outlives it and is used by one thread at a time;
  // `own` is a connection to the same file. Copies a log of `pages` and more.
  LogCheckpointer(SqliteDatabase* writer, SqliteDatabase own, int64_t pages);
  // Without a last copy: SQLite makes one when the last connection closes.
  ~LogCheckpointer();
  LogCheckpointer(const LogCheckpointer&) = delete;
  LogCheckpointer& operator=(const LogCheckpointer&) = delete;

 private:
  enum class Phase { kIdle, kCopying, kCopied, kStopping };

  void OnCommit(int64_t pages);
  void Run();

  SqliteDatabase* const writer_;
  SqliteDatabase own_;  // the thread's
  const int64_t pages_;
  absl::Mutex mutex_;
  Phase phase_ ABSL_GUARDED_BY(mutex_) = Phase::kIdle;
  std::thread thread_;
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_STORE_LOG_CHECKPOINTER_H_
