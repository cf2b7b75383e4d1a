// Where log lines go instead of standard error, and whether that is the
// journal.
#ifndef HP_COMMON_BASE_LOG_SINK_H_
#define HP_COMMON_BASE_LOG_SINK_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/base/log.h"

namespace halfpipe {

// Key and value, the process's context first.
using LogPairs = std::vector<std::pair<std::string, std::string>>;

// Takes one line; false: it could not, and the line goes to standard error.
// `text` is the message with its fields, as a tap sees it, and the context's.
// Called on the thread that logs, by several at a time; it must not log.
using LogSink = std::function<bool(LogLevel level, absl::string_view text,
                                   const LogPairs& fields)>;

// Null: standard error. Set it before other threads log.
void SetLogSink(LogSink sink);

// Whether standard error is the stream that systemd connected to its journal
// (JOURNAL_STREAM names it). False where it was redirected since.
[[nodiscard]] bool StandardErrorIsJournal();

}  // namespace halfpipe

#endif  // HP_COMMON_BASE_LOG_SINK_H_
