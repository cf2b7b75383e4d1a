#include "stage/link/local_peer_link.h"

#include <utility>

#include "common/base/status.h"
#include "common/base/steady_clock.h"
#include "stage/link/join_pattern.h"
#include "stage/link/local_rendezvous.h"
#include "stage/link/socket_peer_link.h"

namespace halfpipe {
namespace {

absl::Status CompareGreetings(int fd, const LinkOptions& options,
                              const std::string& nonce, absl::Time deadline) {
  const JoinGreeting mine = MakeGreeting(options, nonce);
  JoinGreeting theirs;
  HP_RETURN_IF_ERROR(ExchangeAll(fd,
                                 {&mine, sizeof(mine), &theirs, sizeof(theirs)},
                                 deadline, options.stop));
  return CheckGreeting(mine, theirs, options.peer);
}

absl::Status ComparePatterns(int fd, const LinkOptions& options,
                             absl::Time deadline) {
  const std::string mine = MakePattern(options.rank, options.epoch);
  std::string theirs(mine.size(), '\0');
  HP_RETURN_IF_ERROR(
      ExchangeAll(fd, {mine.data(), mine.size(), theirs.data(), theirs.size()},
                  deadline, options.stop));
  return CheckPattern(theirs, options.peer, options.epoch);
}

}  // namespace

absl::StatusOr<std::unique_ptr<PeerLink>> CreateLocalPeerLink(
    const LinkOptions& options) {
  if (options.rank == options.peer) {
    return absl::InvalidArgumentError("a link joins two ranks");
  }
  const absl::Time deadline = SteadyNow() + options.join_timeout;
  HP_ASSIGN_OR_RETURN(LocalRendezvous rendezvous,
                      ParseLocalRendezvous(options.rendezvous));
  HP_ASSIGN_OR_RETURN(OwnedFd fd,
                      options.end() == LinkEnd::kListens
                          ? AcceptPeer(rendezvous.socket_path, options.peer,
                                       deadline, options.stop)
                          : ConnectToPeer(rendezvous.socket_path, options.peer,
                                          deadline, options.stop));
  HP_RETURN_IF_ERROR(
      CompareGreetings(fd.get(), options, rendezvous.nonce, deadline));
  HP_RETURN_IF_ERROR(ComparePatterns(fd.get(), options, deadline));
  return std::make_unique<SocketPeerLink>(std::move(fd));
}

}  // namespace halfpipe
