#include "common/base/log.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace halfpipe {
namespace {

struct Context {
  absl::Mutex mutex;
  std::vector<std::pair<std::string, std::string>> fields
      ABSL_GUARDED_BY(mutex);
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

struct LevelNames {
  const char* name;
  const char* journal_prefix;
};

constexpr std::array<LevelNames, 4> kLevels = {
    {{"debug", "<7>"}, {"info", "<6>"}, {"warning", "<4>"}, {"error", "<3>"}}};

bool NeedsQuotes(absl::string_view value) {
  if (value.empty()) return true;
  for (char c : value) {
    if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7f) {
      return true;
    }
  }
  return false;
}

void AppendField(absl::string_view key, absl::string_view value,
                 std::string* line) {
  absl::StrAppend(line, " ", key, "=");
  if (NeedsQuotes(value)) {
    absl::StrAppend(line, "\"", absl::Utf8SafeCEscape(value), "\"");
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

}  // namespace

void Log(LogLevel level, absl::string_view message,
         std::initializer_list<LogField> fields) {
  if (level < min_level.load(std::memory_order_relaxed)) return;
  static const bool to_journal = std::getenv("JOURNAL_STREAM") != nullptr;
  const LevelNames& names = kLevels[static_cast<size_t>(level)];
  std::string line =
      absl::StrCat(to_journal ? names.journal_prefix : "", "ts=",
                   absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(),
                                    absl::UTCTimeZone()),
                   " level=", names.name);
  AppendField("msg", message, &line);
  Context& context = GlobalContext();
  {
    absl::MutexLock lock(&context.mutex);
    for (const auto& [key, value] : context.fields) {
      AppendField(key, value, &line);
    }
  }
  for (const LogField& field : fields) {
    AppendField(field.key, field.value, &line);
  }
  line.push_back('\n');
  // A failed write to standard error has nowhere to be reported.
  [[maybe_unused]] ssize_t wrote =
      write(STDERR_FILENO, line.data(), line.size());
  TellTap(level, message, fields);
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
