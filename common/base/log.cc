#include "common/base/log.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/printable_text.h"

namespace halfpipe {
namespace {

struct Context {
  absl::Mutex mutex;
  LogPairs fields ABSL_GUARDED_BY(mutex);
};

Context& GlobalContext() {
  static Context* const context = new Context;
  return *context;
}

std::atomic<LogLevel> min_level{LogLevel::kInfo};

struct Tap {
  absl::Mutex mutex;
  LogTap tap ABSL_GUARDED_BY(mutex);
};

Tap& GlobalTap() {
  static Tap* const tap = new Tap;
  return *tap;
}

// Set before other threads log, so that it is read without a lock.
LogSink& GlobalSink() {
  static auto* const sink = new LogSink;
  return *sink;
}

struct LevelNames {
  const char* name;
  const char* journal_prefix;
};

constexpr std::array<LevelNames, 4> kLevels = {
    {{"debug", "<7>"}, {"info", "<6>"}, {"warning", "<4>"}, {"error", "<3>"}}};

bool NeedsQuotes(absl::string_view value) {
  if (value.empty() || FirstUnprintable(value).has_value()) return true;
  for (char c : value) {
    if (c == ' ' || c == '"' || c == '=' || c == '\\') return true;
  }
  return false;
}

void AppendField(absl::string_view key, absl::string_view value,
                 std::string* line) {
  absl::StrAppend(line, " ", key, "=");
  if (NeedsQuotes(value)) {
    // What is beyond ASCII is no less an order to a terminal.
    absl::StrAppend(line, "\"", PrintableText(absl::Utf8SafeCEscape(value)),
                    "\"");
  } else {
    absl::StrAppend(line, value);
  }
}

void TellTap(LogLevel level, absl::string_view message,
             std::initializer_list<LogField> fields) {
  Tap& global = GlobalTap();
  absl::MutexLock lock(&global.mutex);
  if (global.tap == nullptr) return;
  std::string text(message);
  for (const LogField& field : fields) {
    AppendField(field.key, field.value, &text);
  }
  global.tap(level, text);
}

LogPairs AllFields(std::initializer_list<LogField> fields) {
  LogPairs pairs;
  {
    Context& context = GlobalContext();
    absl::MutexLock lock(&context.mutex);
    pairs = context.fields;
  }
  for (const LogField& field : fields) {
    pairs.emplace_back(field.key, field.value);
  }
  return pairs;
}

bool SinkTakes(LogLevel level, absl::string_view message,
               const LogPairs& fields) {
  const LogSink& sink = GlobalSink();
  if (sink == nullptr) return false;
  std::string text = PrintableLines(message);
  for (const auto& [key, value] : fields) AppendField(key, value, &text);
  return sink(level, text, fields);
}

void WriteToStandardError(LogLevel level, absl::string_view message,
                          const LogPairs& fields) {
  static const bool to_journal = StandardErrorIsJournal();
  const LevelNames& names = kLevels[static_cast<size_t>(level)];
  std::string line =
      absl::StrCat(to_journal ? names.journal_prefix : "", "ts=",
                   absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(),
                                    absl::UTCTimeZone()),
                   " level=", names.name);
  AppendField("msg", message, &line);
  for (const auto& [key, value] : fields) AppendField(key, value, &line);
  line.push_back('\n');
  // A failed write to standard error has nowhere to be reported.
  [[maybe_unused]] ssize_t wrote =
      write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace

void Log(LogLevel level, absl::string_view message,
         std::initializer_list<LogField> fields) {
  if (level < min_level.load(std::memory_order_relaxed)) return;
  const LogPairs pairs = AllFields(fields);
  if (!SinkTakes(level, message, pairs)) {
    WriteToStandardError(level, message, pairs);
  }
  TellTap(level, message, fields);
}

void SetLogSink(LogSink sink) { GlobalSink() = std::move(sink); }

bool StandardErrorIsJournal() {
  const char* const stream = std::getenv("JOURNAL_STREAM");
  struct stat status = {};
  return stream != nullptr && fstat(STDERR_FILENO, &status) == 0 &&
         absl::StrCat(status.st_dev, ":", status.st_ino) == stream;
}

void SetLogTap(LogTap tap) {
  Tap& global = GlobalTap();
  absl::MutexLock lock(&global.mutex);
  global.tap = std::move(tap);
}

void SetMinLogLevel(LogLevel level) { min_level.store(level); }

void SetLogContext(absl::string_view key, absl::string_view value) {
  Context& context = GlobalContext();
  absl::MutexLock lock(&context.mutex);
  auto& fields = context.fields;
  for (auto it = fields.begin(); it != fields.end(); ++it) {
    if (it->first != key) continue;
    if (value.empty()) {
      fields.erase(it);
    } else {
      it->second = std::string(value);
    }
    return;
  }
  if (!value.empty()) fields.emplace_back(key, value);
}

}  // namespace halfpipe
