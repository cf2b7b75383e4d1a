#include "stage/link/local_rendezvous.h"

#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "common/base/status.h"
#include "common/base/steady_clock.h"
#include "stage/link/local_peer_link.h"

namespace halfpipe {
namespace {

constexpr absl::Duration kConnectInterval = absl::Milliseconds(20);
constexpr size_t kNonceBytes = 32;

absl::Status SystemError(absl::string_view what, const std::string& path) {
  return absl::UnavailableError(
      absl::StrCat(what, " '", path, "': ", std::strerror(errno)));
}

absl::StatusOr<sockaddr_un> AddressOf(const std::string& socket_path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "socket path '", socket_path, "' has ", socket_path.size(),
        " bytes, at most ", sizeof(address.sun_path) - 1, " are allowed"));
  }
  std::memcpy(address.sun_path, socket_path.c_str(), socket_path.size() + 1);
  return address;
}

absl::StatusOr<OwnedFd> NewSocket() {
  OwnedFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) {
    return absl::UnavailableError(
        absl::StrCat("cannot make a socket: ", std::strerror(errno)));
  }
  return fd;
}

// A folder that mkdtemp makes with mode 0700. XDG_RUNTIME_DIR is private
// already and leaves with the session, but may be missing or too long.
absl::StatusOr<std::string> MakePrivateFolder() {
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  for (const std::string& parent :
       {std::string(runtime == nullptr ? "" : runtime), std::string("/tmp")}) {
    std::string path = absl::StrCat(parent, "/halfpipe-XXXXXX");
    if (parent.empty() || !AddressOf(path + "/link").ok()) continue;
    if (mkdtemp(path.data()) != nullptr) return path;
  }
  return SystemError("cannot make a folder for the link in", "/tmp");
}

}  // namespace

absl::StatusOr<std::string> MakeLocalRendezvous() {
  std::string nonce(kNonceBytes, '\0');
  if (getrandom(nonce.data(), nonce.size(), 0) !=
      static_cast<ssize_t>(nonce.size())) {
    return absl::UnavailableError("the system has no random bytes");
  }
  HP_ASSIGN_OR_RETURN(std::string folder, MakePrivateFolder());
  return absl::StrCat(folder, "/link\n", absl::BytesToHexString(nonce));
}

absl::StatusOr<LocalRendezvous> ParseLocalRendezvous(absl::string_view text) {
  std::vector<std::string> parts = absl::StrSplit(text, '\n');
  if (parts.size() != 2 || parts[0].empty() || parts[0][0] != '/' ||
      parts[1].size() != 2 * kNonceBytes) {
    return absl::InvalidArgumentError(
        "the link's rendezvous is malformed: expected an absolute socket path, "
        "a line feed and 64 hex digits");
  }
  LocalRendezvous parsed;
  parsed.socket_path = std::move(parts[0]);
  parsed.nonce = std::move(parts[1]);
  return parsed;
}

absl::StatusOr<OwnedFd> AcceptPeer(const std::string& socket_path, Rank peer,
                                   absl::Time deadline,
                                   const std::stop_token& stop) {
  HP_ASSIGN_OR_RETURN(sockaddr_un address, AddressOf(socket_path));
  HP_ASSIGN_OR_RETURN(OwnedFd listener, NewSocket());
  absl::Cleanup remove = [&socket_path] {
    unlink(socket_path.c_str());
    rmdir(socket_path.substr(0, socket_path.rfind('/')).c_str());
  };
  if (bind(listener.get(), reinterpret_cast<sockaddr*>(&address),
           sizeof(address)) != 0 ||
      listen(listener.get(), 1) != 0) {
    return SystemError("cannot listen at", socket_path);
  }
  HP_RETURN_IF_ERROR(Annotate(
      WaitReadable(listener.get(), deadline, stop),
      absl::StrCat("stage", peer.value(), " has not joined the link")));
  OwnedFd joined(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!joined.valid()) return SystemError("cannot accept at", socket_path);
  return joined;
}

absl::StatusOr<OwnedFd> ConnectToPeer(const std::string& socket_path, Rank peer,
                                      absl::Time deadline,
                                      const std::stop_token& stop) {
  HP_ASSIGN_OR_RETURN(sockaddr_un address, AddressOf(socket_path));
  while (true) {
    HP_ASSIGN_OR_RETURN(OwnedFd fd, NewSocket());
    if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address),
                sizeof(address)) == 0) {
      return fd;
    }
    if (stop.stop_requested()) return absl::CancelledError("join abandoned");
    if (SteadyNow() >= deadline) {
      return absl::DeadlineExceededError(
          absl::StrCat("stage", peer.value(), " does not listen at '",
                       socket_path, "': ", std::strerror(errno)));
    }
    absl::SleepFor(kConnectInterval);
  }
}

}  // namespace halfpipe
