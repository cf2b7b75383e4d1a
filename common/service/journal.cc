#include "common/service/journal.h"

#include <sys/uio.h>
#include <syslog.h>
#include <systemd/sd-journal.h>

#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/log.h"
#include "common/base/log_sink.h"

namespace halfpipe {
namespace {

constexpr size_t kLongestName = 64;  // what the journal takes

int Priority(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return LOG_DEBUG;
    case LogLevel::kInfo:
      return LOG_INFO;
    case LogLevel::kWarning:
      return LOG_WARNING;
    case LogLevel::kError:
      return LOG_ERR;
  }
  return LOG_INFO;
}

bool SendToJournal(const std::string& program, LogLevel level,
                   absl::string_view text, const LogPairs& fields) {
  std::vector<std::string> entry = {
      absl::StrCat("MESSAGE=", text),
      absl::StrCat("PRIORITY=", Priority(level)),
      absl::StrCat("SYSLOG_IDENTIFIER=", program)};
  for (const auto& [key, value] : fields) {
    entry.push_back(absl::StrCat(JournalFieldName(key), "=", value));
  }
  std::vector<iovec> parts;
  parts.reserve(entry.size());
  for (std::string& field : entry)
    parts.push_back({field.data(), field.size()});
  // In parentheses, or a macro adds this file's name and line to every entry.
  return (sd_journal_sendv)(parts.data(), static_cast<int>(parts.size())) == 0;
}

}  // namespace

std::string JournalFieldName(absl::string_view key) {
  std::string name = absl::StrCat("HALFPIPE_", absl::AsciiStrToUpper(key));
  for (char& sign : name) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(sign))) sign = '_';
  }
  if (name.size() > kLongestName) name.resize(kLongestName);
  return name;
}

void LogToJournal(const std::string& program) {
  if (!StandardErrorIsJournal()) return;
  SetLogSink([program](LogLevel level, absl::string_view text,
                       const LogPairs& fields) {
    return SendToJournal(program, level, text, fields);
  });
}

}  // namespace halfpipe
