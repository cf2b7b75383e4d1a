#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "client/doctor/checks.h"

namespace halfpipe {
namespace {

// 0 when a server could listen there, else the errno.
int TryListen(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  const int on = 1;  // as servers do: a port that is only cooling down is free
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  const bool free = bind(fd, reinterpret_cast<const sockaddr*>(&address),
                         sizeof(address)) == 0 &&
                    listen(fd, 1) == 0;
  const int error = free ? 0 : errno;
  close(fd);
  return error;
}

}  // namespace

Finding CheckPort(int port, const std::string& use, TrainingClient* client) {
  Finding finding{.subject = absl::StrCat("port ", port)};
  const int error = TryListen(port);
  if (error == 0) {
    finding.verdict = Verdict::kOk;
    finding.found = absl::StrCat("free (", use, ")");
    return finding;
  }
  if (error == EADDRINUSE && client != nullptr) {
    if (const auto info = client->GetServerInfo(); info.ok()) {
      finding.verdict = Verdict::kOk;
      finding.found =
          absl::StrCat("a halfpipe coordinator ", info->version, " answers, ",
                       info->stages.size(), " stages are connected");
      return finding;
    }
  }
  finding.verdict = Verdict::kWarn;
  finding.found = absl::StrCat(std::strerror(error), " (", use, ")");
  finding.advice = absl::StrCat(
      "halfpipe run needs none; a service takes another port with ",
      "--listen-address or --metrics-address. Who has it: ss -ltnp 'sport = :",
      port, "'");
  return finding;
}

}  // namespace halfpipe
