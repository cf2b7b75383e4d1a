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
  return CheckGreeting(mine, theirs);
}

absl::Status ComparePatterns(int fd, const LinkOptions& options,
                             absl::Time deadline) {
  const Rank peer(1 - options.rank.value());
  const std::string mine = MakePattern(options.rank, options.epoch);
  std::string theirs(mine.size(), '\0');
  HP_RETURN_IF_ERROR(
      ExchangeAll(fd, {mine.data(), mine.size(), theirs.data(), theirs.size()},
                  deadline, options.stop));
  return CheckPattern(theirs, peer, options.epoch);
}

}  // namespace

absl::StatusOr<std::unique_ptr<PeerLink>> CreateLocalPeerLink(
    const LinkOptions& options) {
  if (options.rank != Rank(0) && options.rank != Rank(1)) {
    return absl::InvalidArgumentError("a pair has the ranks 0 and 1");
  }
  const absl::Time deadline = SteadyNow() + options.join_timeout;
  HP_ASSIGN_OR_RETURN(LocalRendezvous rendezvous,
                      ParseLocalRendezvous(options.rendezvous));
  HP_ASSIGN_OR_RETURN(
      OwnedFd fd,
      options.rank == Rank(0)
          ? AcceptPeer(rendezvous.socket_path, deadline, options.stop)
          : ConnectToPeer(rendezvous.socket_path, deadline, options.stop));
  HP_RETURN_IF_ERROR(
      CompareGreetings(fd.get(), options, rendezvous.nonce, deadline));
  HP_RETURN_IF_ERROR(ComparePatterns(fd.get(), options, deadline));
  return std::make_unique<SocketPeerLink>(std::move(fd));
}

}  // namespace halfpipe
