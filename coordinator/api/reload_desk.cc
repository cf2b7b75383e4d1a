#include "coordinator/api/reload_desk.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/auth/token_file.h"
#include "common/base/digest.h"
#include "common/base/printable_text.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

constexpr int kPlaces = 4;
constexpr int kMostAtOnce = 64;
constexpr size_t kMostBytes = 2048;
// Of a service that has read the file before the last edit of it.
constexpr std::chrono::milliseconds kNextCall(100);
constexpr absl::string_view kInForce = "ok ";

struct Address {
  sockaddr_un name = {};
  socklen_t bytes = 0;
};

// Place 0 to 3 of the file.
Address AddressOf(const std::string& token_file, int place) {
  std::error_code error;
  const std::filesystem::path real =
      std::filesystem::weakly_canonical(token_file, error);
  const std::string text = absl::StrCat(
      "halfpipe-tokens-",
      Sha256Hex(error ? token_file : real.string()).substr(0, 40), "-", place);
  Address address;
  address.name.sun_family = AF_UNIX;
  // A leading zero byte: the abstract space.
  std::memcpy(address.name.sun_path + 1, text.data(), text.size());
  address.bytes =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + text.size());
  return address;
}

absl::StatusOr<int> NewSocket(int flags) {
  const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0);
  if (fd < 0) return absl::ErrnoToStatus(errno, "cannot make a socket");
  return fd;
}

const sockaddr* Plain(const Address& address) {
  return reinterpret_cast<const sockaddr*>(&address.name);
}

// What the service at a place says; nullopt: there is none.
absl::StatusOr<std::optional<std::string>> Ask(const Address& address,
                                               absl::Duration patience) {
  HP_ASSIGN_OR_RETURN(const int fd, NewSocket(0));
  const absl::Cleanup close_fd = [fd] { close(fd); };
  const timeval limit = absl::ToTimeval(patience);
  for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO}) {
    (void)setsockopt(fd, SOL_SOCKET, option, &limit, sizeof(limit));
  }
  if (connect(fd, Plain(address), address.bytes) != 0) {
    if (errno == ECONNREFUSED) return std::nullopt;
    return absl::ErrnoToStatus(errno, "cannot reach the running service");
  }
  char buffer[kMostBytes];
  const ssize_t got = recv(fd, buffer, sizeof(buffer), 0);
  // One that ends now is none any more.
  if (got == 0 || (got < 0 && errno == ECONNRESET)) return std::nullopt;
  if (got < 0) {
    return absl::UnavailableError(
        absl::StrCat("the running service has not answered for ",
                     absl::FormatDuration(patience)));
  }
  return std::string(buffer, static_cast<size_t>(got));
}

// Whether the service at a place has the file as it is now.
absl::StatusOr<bool> IsInForce(const std::string& token_file, int place,
                               absl::Duration patience) {
  const Address address = AddressOf(token_file, place);
  const auto until =
      std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(patience);
  while (true) {
    HP_ASSIGN_OR_RETURN(const std::optional<std::string> answer,
                        Ask(address, patience));
    if (!answer.has_value()) return false;
    absl::string_view text = *answer;
    if (!absl::ConsumePrefix(&text, kInForce)) {
      return absl::UnavailableError(absl::StrCat(
          "the running service cannot read it: ", PrintableText(text)));
    }
    HP_ASSIGN_OR_RETURN(const std::string now, ReadTokenText(token_file));
    if (text == Sha256Hex(now)) return true;
    if (std::chrono::steady_clock::now() > until) {
      return absl::UnavailableError(
          "the running service reads another file under this name, as where "
          "a single file is mounted into a container");
    }
    std::this_thread::sleep_for(kNextCall);
  }
}

}  // namespace

absl::StatusOr<ReloadDesk> ReloadDesk::Open(const std::string& token_file) {
  HP_ASSIGN_OR_RETURN(const int fd, NewSocket(SOCK_NONBLOCK));
  ReloadDesk desk(fd);
  for (int place = 0; place < kPlaces; ++place) {
    const Address address = AddressOf(token_file, place);
    if (bind(fd, Plain(address), address.bytes) == 0) {
      if (listen(fd, kMostAtOnce) == 0) return desk;
      return absl::ErrnoToStatus(errno, "cannot listen for edits");
    }
    if (errno != EADDRINUSE) {
      return absl::ErrnoToStatus(errno, "cannot listen for edits");
    }
  }
  return absl::UnavailableError(
      absl::StrCat(kPlaces, " services follow this file already"));
}

ReloadDesk::ReloadDesk(ReloadDesk&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)) {}

ReloadDesk::~ReloadDesk() {
  if (fd_ >= 0) close(fd_);
}

void ReloadDesk::Answer(const Reload& reload) {
  std::string answer;
  for (int i = 0; i < kMostAtOnce; ++i) {
    const int asker =
        accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (asker < 0) return;
    // After somebody has asked: what was edited by then counts.
    if (answer.empty()) {
      const absl::StatusOr<std::string> digest = reload();
      answer =
          digest.ok()
              ? absl::StrCat(kInForce, *digest)
              : std::string(digest.status().message()).substr(0, kMostBytes);
      if (answer.empty()) answer = "no reason is known";
    }
    // Whoever has gone does not need it.
    (void)send(asker, answer.data(), answer.size(),
               MSG_NOSIGNAL | MSG_DONTWAIT);
    close(asker);
  }
}

absl::StatusOr<int> AskToReload(const std::string& token_file,
                                absl::Duration patience) {
  int services = 0;
  for (int place = 0; place < kPlaces; ++place) {
    HP_ASSIGN_OR_RETURN(const bool in_force,
                        IsInForce(token_file, place, patience));
    if (in_force) ++services;
  }
  return services;
}

}  // namespace halfpipe
