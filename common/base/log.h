// Structured log lines on standard error, one line an event, in logfmt:
//   ts=2026-01-02T03:04:05.678Z level=info msg="step done" job=a step=3
// Under systemd (JOURNAL_STREAM is set) each line starts with "<priority>".
#ifndef HP_COMMON_BASE_LOG_H_
#define HP_COMMON_BASE_LOG_H_

#include <functional>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace halfpipe {

enum class LogLevel { kDebug = 0, kInfo = 1, kWarning = 2, kError = 3 };

// One key=value of a log line. Numbers and strings convert by themselves.
struct LogField {
  LogField(absl::string_view field_key, const absl::AlphaNum& field_value)
      : key(field_key), value(field_value.Piece()) {}

  std::string key;
  std::string value;
};

// Writes one line if `level` is at or above the minimum. Thread-safe; a line
// is written by a single write(2).
void Log(LogLevel level, absl::string_view message,
         std::initializer_list<LogField> fields = {});

inline void LogDebug(absl::string_view message,
                     std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kDebug, message, fields);
}

inline void LogInfo(absl::string_view message,
                    std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kInfo, message, fields);
}

inline void LogWarning(absl::string_view message,
                       std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kWarning, message, fields);
}

inline void LogError(absl::string_view message,
                     std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kError, message, fields);
}

// Lines below `level` are dropped from now on. Default: info.
void SetMinLogLevel(LogLevel level);

// Sets a field that every later line of this process carries (rank, job,
// epoch, step); an empty value removes it. Thread-safe.
void SetLogContext(absl::string_view key, absl::string_view value);

// Sees each line that is written, as "model loaded blocks=20": its message and
// own fields, without time, level and context. Called on the thread that logs,
// one call at a time; it must not log. Null: nobody does.
using LogTap = std::function<void(LogLevel level, absl::string_view text)>;
void SetLogTap(LogTap tap);

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

#endif  // HP_COMMON_BASE_LOG_H_
