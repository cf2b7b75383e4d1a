#include "stage/link/local_peer_link.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "stage/link/link_factory.h"

namespace halfpipe {
namespace {

using JoinResult = absl::StatusOr<std::unique_ptr<PeerLink>>;

LinkOptions Options(int32_t rank, const std::string& rendezvous) {
  LinkOptions options;
  options.rank = Rank(rank);
  options.peer = Rank(rank == 0 ? 1 : 0);
  options.epoch = Epoch(2);
  options.rendezvous = rendezvous;
  options.boundary_digest = "0123";
  options.join_timeout = absl::Seconds(10);
  return options;
}

std::pair<JoinResult, JoinResult> JoinBoth(const LinkOptions& first,
                                           const LinkOptions& second) {
  JoinResult peer;
  std::thread other([&] { peer = CreateLocalPeerLink(second); });
  JoinResult mine = CreateLocalPeerLink(first);
  other.join();
  return {std::move(mine), std::move(peer)};
}

std::string FolderOf(const std::string& rendezvous) {
  return rendezvous.substr(0, rendezvous.find("/link\n"));
}

bool Exists(const std::string& path) {
  struct stat info = {};
  return stat(path.c_str(), &info) == 0;
}

TEST(LocalPeerLinkTest, ThePairJoinsInAPrivateFolderAndRemovesIt) {
  const std::string rendezvous = MakeLocalRendezvous().value();
  struct stat info = {};
  ASSERT_EQ(stat(FolderOf(rendezvous).c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
  auto [a, b] = JoinBoth(Options(0, rendezvous), Options(1, rendezvous));
  ASSERT_TRUE(a.ok()) << a.status();
  ASSERT_TRUE(b.ok()) << b.status();
  EXPECT_FALSE(Exists(FolderOf(rendezvous)));
  std::vector<int64_t> sent = {11, 12};
  std::vector<int64_t> received(2);
  ASSERT_TRUE((*a)->Send({{sent.data(), 16, DType::kI64, {2}}}, nullptr).ok());
  ASSERT_TRUE(
      (*b)->Receive({{received.data(), 16, DType::kI64, {2}}}, nullptr).ok());
  ASSERT_TRUE((*b)->Flush(absl::Now() + absl::Seconds(10)).ok());
  ASSERT_TRUE((*a)->Flush(absl::Now() + absl::Seconds(10)).ok());
  EXPECT_EQ(received, sent);
}

TEST(LocalPeerLinkTest, AnyTwoOfTheStagesJoin) {
  // Of three stages: the second and the third, the third and the first.
  for (const auto& [low, high] : {std::pair(1, 2), std::pair(0, 2)}) {
    const std::string rendezvous = MakeLocalRendezvous().value();
    LinkOptions first = Options(low, rendezvous);
    LinkOptions second = Options(high, rendezvous);
    first.peer = second.rank;
    second.peer = first.rank;
    const auto [a, b] = JoinBoth(first, second);
    EXPECT_TRUE(a.ok()) << a.status();
    EXPECT_TRUE(b.ok()) << b.status();
    EXPECT_FALSE(Exists(FolderOf(rendezvous)));
  }
}

TEST(LocalPeerLinkTest, AnotherStageThanTheNeighbourIsRefused) {
  const std::string rendezvous = MakeLocalRendezvous().value();
  LinkOptions stranger = Options(2, rendezvous);
  stranger.peer = Rank(0);
  const auto [a, b] = JoinBoth(Options(0, rendezvous), stranger);
  EXPECT_TRUE(absl::IsFailedPrecondition(a.status())) << a.status();
  LinkOptions itself = Options(1, MakeLocalRendezvous().value());
  itself.peer = itself.rank;
  EXPECT_TRUE(absl::IsInvalidArgument(CreateLocalPeerLink(itself).status()));
  EXPECT_EQ(rmdir(FolderOf(itself.rendezvous).c_str()), 0);
}

TEST(LocalPeerLinkTest, ADifferentBoundaryIsRefusedOnBothSides) {
  const std::string rendezvous = MakeLocalRendezvous().value();
  LinkOptions other = Options(1, rendezvous);
  other.boundary_digest = "4567";
  auto [a, b] = JoinBoth(Options(0, rendezvous), other);
  EXPECT_TRUE(absl::IsFailedPrecondition(a.status())) << a.status();
  EXPECT_TRUE(absl::IsFailedPrecondition(b.status())) << b.status();
}

TEST(LocalPeerLinkTest, AStrangerWithoutTheNonceIsRefused) {
  const std::string rendezvous = MakeLocalRendezvous().value();
  std::string guess = rendezvous;
  guess.back() = guess.back() == '0' ? '1' : '0';
  auto [a, b] = JoinBoth(Options(0, rendezvous), Options(1, guess));
  EXPECT_TRUE(absl::IsFailedPrecondition(a.status())) << a.status();
}

TEST(LocalPeerLinkTest, AMissingPeerEndsTheJoinAtItsDeadline) {
  const std::string rendezvous = MakeLocalRendezvous().value();
  for (int32_t rank : {1, 0}) {
    LinkOptions options = Options(rank, rendezvous);
    options.join_timeout = absl::Milliseconds(50);
    const absl::Status status = CreateLocalPeerLink(options).status();
    EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
  }
  EXPECT_FALSE(Exists(FolderOf(rendezvous)));
}

TEST(LocalPeerLinkTest, AStopEndsTheJoin) {
  LinkOptions options = Options(0, MakeLocalRendezvous().value());
  std::stop_source stop;
  options.stop = stop.get_token();
  stop.request_stop();
  EXPECT_TRUE(absl::IsCancelled(CreateLocalPeerLink(options).status()));
}

TEST(LocalPeerLinkTest, AMalformedRendezvousIsRefused) {
  for (const char* text : {"", "x", "relative\n", "/tmp/x\nshort"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(
        CreateLocalPeerLink(Options(0, text)).status()));
  }
}

TEST(LocalPeerLinkTest, AKilledPeerAbortsTheWaitAtOnce) {
  const std::string rendezvous = MakeLocalRendezvous().value();
  const pid_t child = fork();
  if (child == 0) {
    JoinResult link = CreateLocalPeerLink(Options(1, rendezvous));
    if (!link.ok()) _exit(1);
    pause();
    _exit(0);
  }
  JoinResult link = CreateLocalPeerLink(Options(0, rendezvous));
  ASSERT_TRUE(link.ok()) << link.status();
  std::vector<int64_t> words(2);
  ASSERT_TRUE(
      (*link)->Receive({{words.data(), 16, DType::kI64, {2}}}, nullptr).ok());
  const absl::Time begin = absl::Now();
  kill(child, SIGKILL);
  EXPECT_TRUE(absl::IsAborted((*link)->Flush(begin + absl::Seconds(20))));
  EXPECT_LT(absl::Now() - begin, absl::Seconds(1));
  waitpid(child, nullptr, 0);
}

TEST(LinkFactoryTest, UnknownKindsAreRefusedByName) {
  auto factory = MakeLinkFactory();
  EXPECT_TRUE(absl::IsInvalidArgument(factory->Open("carrier").status()));
  JoinRequest request;
  request.kind = "carrier";
  EXPECT_TRUE(absl::IsInvalidArgument(factory->Join(request).status()));
  const std::string rendezvous = factory->Open("local").value();
  EXPECT_EQ(rmdir(FolderOf(rendezvous).c_str()), 0);
}

}  // namespace
}  // namespace halfpipe
