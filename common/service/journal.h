// Log lines as entries of systemd's journal, with fields.
#ifndef HP_COMMON_SERVICE_JOURNAL_H_
#define HP_COMMON_SERVICE_JOURNAL_H_

#include <string>

#include "absl/strings/string_view.h"
#include "common/base/log.h"
#include "common/base/log_sink.h"

namespace halfpipe {

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

#endif  // HP_COMMON_SERVICE_JOURNAL_H_
