#include "common/service/systemd.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace halfpipe {
namespace {

// The variable's number; 0: it has none.
int64_t NumberOf(const char* variable) {
  const char* const text = std::getenv(variable);
  int64_t number = 0;
  return text != nullptr && absl::SimpleAtoi(text, &number) ? number : 0;
}

absl::Duration WatchdogInterval() {
  const int64_t limit_us = NumberOf("WATCHDOG_USEC");
  const int64_t pid = NumberOf("WATCHDOG_PID");
  if (limit_us <= 0 || (pid != 0 && pid != getpid())) {
    return absl::InfiniteDuration();
  }
  return absl::Microseconds(limit_us) / 3;
}

// The environment is kept: a stage that starts itself anew needs it again.
void Send(const std::string& message) {
  const char* const path = std::getenv("NOTIFY_SOCKET");
  if (path != nullptr) SendDatagram(path, message);
}

// A new line would begin another assignment.
std::string StatusLine(absl::string_view status) {
  return absl::StrCat("STATUS=", absl::StrReplaceAll(status, {{"\n", " "}}));
}

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

ServiceNotifier::ServiceNotifier() : interval_(WatchdogInterval()) {}

void ServiceNotifier::Ready(absl::string_view status) {
  absl::MutexLock lock(&mutex_);
  last_status_ = std::string(status);
  Send(absl::StrCat("READY=1\n", StatusLine(status)));
}

void ServiceNotifier::Status(absl::string_view status) {
  absl::MutexLock lock(&mutex_);
  if (status == last_status_) return;
  last_status_ = std::string(status);
  Send(StatusLine(status));
}

void ServiceNotifier::Progress(absl::Time now) {
  absl::MutexLock lock(&mutex_);
  if (interval_ == absl::InfiniteDuration() ||
      now - last_progress_ < interval_) {
    return;
  }
  last_progress_ = now;
  Send("WATCHDOG=1");
}

void ServiceNotifier::Stopping(absl::string_view status) {
  absl::MutexLock lock(&mutex_);
  last_status_ = std::string(status);
  Send(absl::StrCat("STOPPING=1\n", StatusLine(status)));
}

bool SendDatagram(absl::string_view path, absl::string_view message) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.empty() || (path[0] != '/' && path[0] != '@') ||
      path.size() >= sizeof(address.sun_path)) {
    return false;
  }
  path.copy(address.sun_path, path.size());
  if (path[0] == '@') address.sun_path[0] = '\0';
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const auto length =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  const ssize_t sent =
      sendto(fd, message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
             reinterpret_cast<const sockaddr*>(&address), length);
  close(fd);
  return sent == static_cast<ssize_t>(message.size());
}

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
