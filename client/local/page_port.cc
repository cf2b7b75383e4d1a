#include "client/local/page_port.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"

namespace halfpipe {
namespace {

bool IsFree(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const int on = 1;  // as servers do: a port that is only cooling down is free
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  const bool is_free = bind(fd, reinterpret_cast<const sockaddr*>(&address),
                            sizeof(address)) == 0 &&
                       listen(fd, 1) == 0;
  close(fd);
  return is_free;
}

}  // namespace

std::string PageAddress(int port) {
  return absl::StrCat("127.0.0.1:", IsFree(port) ? port : 0);
}

}  // namespace halfpipe
