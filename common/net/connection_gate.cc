#include "common/net/connection_gate.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/disk_full.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/base/steady_clock.h"

namespace halfpipe {
namespace {

constexpr int kEventsAtOnce = 64;
// Then those that ended are looked at, so that a flood does not hide them.
constexpr int kAcceptsAtOnce = 32;
constexpr int kOverdueEveryMs = 250;
constexpr absl::string_view kShort = "descriptors are short";
constexpr absl::string_view kTaken = "all places are taken";
// What an event is about: connections have their ids, from 0 on.
constexpr int64_t kWake = -1;
constexpr int64_t kFirstListener = -2;  // and down

int OpenSpare() { return open("/dev/null", O_RDONLY | O_CLOEXEC); }

// false, with errno.
bool Watch(int epoll, int fd, uint32_t events, int64_t about) {
  epoll_event event = {};
  event.events = events;
  event.data.u64 = static_cast<uint64_t>(about);
  return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

void CloseIfOpen(int* fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ConnectionGate>> ConnectionGate::Open(
    const std::string& address, Options options) {
  HP_ASSIGN_OR_RETURN(ListeningSockets sockets,
                      ListeningSockets::Open(address));
  std::unique_ptr<ConnectionGate> gate(
      new ConnectionGate(std::move(sockets), std::move(options)));
  HP_RETURN_IF_ERROR(gate->Prepare());
  return gate;
}

ConnectionGate::ConnectionGate(ListeningSockets sockets, Options options)
    : options_(std::move(options)),
      sockets_(std::move(sockets)),
      budget_(options_.limits) {}

ConnectionGate::~ConnectionGate() {
  Stop();
  for (int* fd : {&epoll_, &wake_, &spare_}) CloseIfOpen(fd);
}

absl::Status ConnectionGate::Prepare() {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  spare_ = OpenSpare();
  bool ready = epoll_ >= 0 && wake_ >= 0 && spare_ >= 0 &&
               Watch(epoll_, wake_, EPOLLIN, kWake);
  int64_t about = kFirstListener;
  for (const int fd : sockets_.fds()) {
    ready = ready && Watch(epoll_, fd, EPOLLIN, about--);
  }
  if (ready) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("cannot wait for connections: ", std::strerror(errno)));
}

void ConnectionGate::Start(Taker taker) {
  taker_ = std::move(taker);
  thread_ = std::thread([this] { Run(); });
}

void ConnectionGate::Stop() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (thread_.joinable()) {
    const uint64_t one = 1;
    (void)!write(wake_, &one, sizeof(one));
    thread_.join();
  }
  sockets_.Close();
  const absl::MutexLock lock(&mutex_);
  while (!held_.empty()) Forget(held_.begin()->first);
}

void ConnectionGate::Prove(absl::string_view peer) {
  const absl::MutexLock lock(&mutex_);
  if (const auto id = IdOf(peer); id.has_value()) budget_.Prove(*id);
}

void ConnectionGate::LetGo(absl::string_view peer) {
  const absl::MutexLock lock(&mutex_);
  if (const auto id = IdOf(peer); id.has_value()) {
    budget_.LetGo(*id, std::chrono::steady_clock::now());
  }
}

std::optional<ConnectionBudget::Id> ConnectionGate::IdOf(
    absl::string_view peer) const {
  const auto found = by_peer_.find(std::string(peer.data(), peer.size()));
  if (found == by_peer_.end()) return std::nullopt;
  return found->second;
}

int64_t ConnectionGate::connections() const {
  const absl::MutexLock lock(&mutex_);
  return budget_.in_all();
}

void ConnectionGate::Run() {
  std::array<epoll_event, kEventsAtOnce> events = {};
  while (true) {
    const int count =
        epoll_wait(epoll_, events.data(), kEventsAtOnce, kOverdueEveryMs);
    for (int i = 0; i < count; ++i) {
      const auto about = static_cast<int64_t>(events[i].data.u64);
      if (about <= kFirstListener) {
        AcceptSome(sockets_.fds()[static_cast<size_t>(kFirstListener - about)]);
      } else if (about >= 0) {
        const absl::MutexLock lock(&mutex_);
        budget_.Remove(about);
        Forget(about);
      }
    }
    const absl::MutexLock lock(&mutex_);
    if (stopping_) return;
    EndOverdue();
  }
}

void ConnectionGate::AcceptSome(int listener) {
  for (int i = 0; i < kAcceptsAtOnce; ++i) {
    sockaddr_storage from = {};
    socklen_t size = sizeof(from);
    const int fd = accept4(listener, reinterpret_cast<sockaddr*>(&from), &size,
                           SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      Take(fd, from, size);
      continue;
    }
    if (IsShortageErrno(errno)) MakeRoom(listener, errno);
    // Else nobody waits, or whoever waited has gone.
    return;
  }
}

void ConnectionGate::Take(int fd, const sockaddr_storage& from, uint32_t size) {
  const auto* address = reinterpret_cast<const sockaddr*>(&from);
  if (!Hold(fd, DescribePeer(address))) return;
  // It may end at once.
  taker_(fd, address, size);
}

bool ConnectionGate::Hold(int fd, const PeerAddress& peer) {
  const absl::MutexLock lock(&mutex_);
  const int second = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  const DescriptorBudget& descriptors = options_.descriptors;
  bool is_short = second < 0 || second >= descriptors.first_reserved;
  if (is_short || second >= descriptors.first_scarce) {
    const auto oldest = budget_.GiveWay();
    if (oldest.has_value()) End(*oldest, kShort);
    is_short = is_short || !oldest.has_value();
  }
  if (is_short) {
    if (second >= 0) close(second);
    Refuse(fd, peer.text, kShort);
    return false;
  }
  const ConnectionBudget::Id id = next_id_++;
  const ConnectionBudget::Verdict verdict =
      budget_.Admit(id, peer, std::chrono::steady_clock::now());
  if (verdict.gives_way.has_value()) End(*verdict.gives_way, kTaken);
  if (!verdict.admitted || !Watch(epoll_, second, 0, id)) {
    budget_.Remove(id);
    close(second);
    Refuse(fd, peer.text, kTaken);
    return false;
  }
  held_[id] = {.fd = second, .peer = peer.text};
  by_peer_[peer.text] = id;
  return true;
}

void ConnectionGate::MakeRoom(int listener, int error) {
  const absl::MutexLock lock(&mutex_);
  if (const auto oldest = budget_.GiveWay(); oldest.has_value()) {
    End(*oldest, std::strerror(error));
  }
  CloseIfOpen(&spare_);
  const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  if (fd >= 0) Refuse(fd, "", std::strerror(error));
  spare_ = OpenSpare();
}

void ConnectionGate::Refuse(int fd, absl::string_view peer,
                            absl::string_view why) {
  close(fd);
  const std::optional<int64_t> left_out = lines_.Take(SteadyNow());
  if (!left_out.has_value()) return;
  LogWarning("connection refused", {{"port", options_.name},
                                    {"peer", peer},
                                    {"reason", why},
                                    {"lines_left_out", *left_out}});
}

void ConnectionGate::End(ConnectionBudget::Id id, absl::string_view why) {
  const auto found = held_.find(id);
  if (found == held_.end()) return;
  shutdown(found->second.fd, SHUT_RDWR);
  if (const std::optional<int64_t> left_out = lines_.Take(SteadyNow());
      left_out.has_value()) {
    LogInfo("connection ended", {{"port", options_.name},
                                 {"peer", found->second.peer},
                                 {"reason", why},
                                 {"lines_left_out", *left_out}});
  }
  Forget(id);
}

void ConnectionGate::Forget(ConnectionBudget::Id id) {
  const auto found = held_.find(id);
  if (found == held_.end()) return;
  // A later connection may have the same address and port.
  const auto peer = by_peer_.find(found->second.peer);
  if (peer != by_peer_.end() && peer->second == id) by_peer_.erase(peer);
  // The kernel takes it out of `epoll_` with the last descriptor, which others
  // may still have.
  epoll_ctl(epoll_, EPOLL_CTL_DEL, found->second.fd, nullptr);
  close(found->second.fd);
  held_.erase(found);
}

void ConnectionGate::EndOverdue() {
  for (const ConnectionBudget::Id id :
       budget_.TakeOverdue(std::chrono::steady_clock::now())) {
    End(id, "its time is over");
  }
}

}  // namespace halfpipe
