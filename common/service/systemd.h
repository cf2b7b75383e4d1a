// What a daemon tells systemd, which has started it: readiness, progress and
// journal entries.
#ifndef HP_COMMON_SERVICE_SYSTEMD_H_
#define HP_COMMON_SERVICE_SYSTEMD_H_

#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/base/log.h"

namespace halfpipe {

// The protocol of sd_notify(3), a datagram of lines to the service manager.
// Where no manager listens (NOTIFY_SOCKET is not set) every call does nothing;
// a message that cannot be sent is not tried again. Thread-safe.
class ServiceNotifier {
 public:
  // Reads WATCHDOG_USEC and WATCHDOG_PID.
  ServiceNotifier();

  // The process does its work from now on: READY=1.
  void Ready(absl::string_view status) ABSL_LOCKS_EXCLUDED(mutex_);

  // One line for `systemctl status`; the same again is not sent.
  void Status(absl::string_view status) ABSL_LOCKS_EXCLUDED(mutex_);

  // The process has got on: WATCHDOG=1, if the last one is a third of the
  // manager's limit ago. Called by whoever sees the progress, never by a timer
  // of its own: silence is how a hang is found.
  void Progress(absl::Time now) ABSL_LOCKS_EXCLUDED(mutex_);

  // The process ends: STOPPING=1.
  void Stopping(absl::string_view status) ABSL_LOCKS_EXCLUDED(mutex_);

  // A third of the manager's limit; infinite where it set none.
  [[nodiscard]] absl::Duration interval() const { return interval_; }

 private:
  const absl::Duration interval_;
  absl::Mutex mutex_;
  absl::Time last_progress_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  std::string last_status_ ABSL_GUARDED_BY(mutex_);
};

// As systemd takes messages: sends `message` to the Unix socket at `path`;
// "@name" is one in the abstract namespace. Does not wait for a reader. False:
// nobody listens, or the message is too large for a datagram. Thread-safe.
bool SendDatagram(absl::string_view path, absl::string_view message);

// Where systemd started this process with its standard error in the journal,
// log lines go there as entries: the text as MESSAGE, the level as PRIORITY and
// each field of its own, so that
//   journalctl HALFPIPE_JOB=my-character HALFPIPE_RANK=1
// finds them. Elsewhere nothing changes. Call it before other threads log.
// `program` becomes SYSLOG_IDENTIFIER.
void LogToJournal(const std::string& program);

// The journal's name for a field: HALFPIPE_ and the key in capitals, other
// signs than letters and digits as '_', 64 characters at most.
[[nodiscard]] std::string JournalFieldName(absl::string_view key);

// One entry in the journal's own protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL).
[[nodiscard]] std::string JournalEntry(absl::string_view program,
                                       LogLevel level, absl::string_view text,
                                       const LogPairs& fields);

}  // namespace halfpipe

#endif  // HP_COMMON_SERVICE_SYSTEMD_H_
