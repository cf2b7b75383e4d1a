#include "common/service/journal.h"

#include <syslog.h>

#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/service/datagram.h"

namespace halfpipe {
namespace {

constexpr size_t kLongestName = 64;  // what the journal takes
constexpr char kSocket[] = "/run/systemd/journal/socket";

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

void AppendField(absl::string_view name, absl::string_view value,
                 std::string* entry) {
  if (value.find('\n') == absl::string_view::npos) {
    absl::StrAppend(entry, name, "=", value, "\n");
    return;
  }
  // Several lines: the size in eight bytes, lowest first, instead of '='.
  absl::StrAppend(entry, name, "\n");
  for (int byte = 0; byte < 8; ++byte) {
    entry->push_back(
        static_cast<char>(uint64_t{value.size()} >> (8 * byte) & 0xff));
  }
  absl::StrAppend(entry, value, "\n");
}

}  // namespace

std::string JournalEntry(absl::string_view program, LogLevel level,
                         absl::string_view text, const LogPairs& fields) {
  std::string entry;
  AppendField("MESSAGE", text, &entry);
  AppendField("PRIORITY", absl::StrCat(Priority(level)), &entry);
  AppendField("SYSLOG_IDENTIFIER", program, &entry);
  for (const auto& [key, value] : fields) {
    AppendField(JournalFieldName(key), value, &entry);
  }
  return entry;
}

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
    return SendDatagram(kSocket, JournalEntry(program, level, text, fields));
  });
}

}  // namespace halfpipe
