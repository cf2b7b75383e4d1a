#include "stage/link/peer_watch.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

namespace halfpipe {
namespace {

TEST(PeerWatchTest, TheEndOfTheProcessIsSeenAtOnce) {
  const pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  ProcessIdentity peer = ThisProcess();
  peer.pid = child;
  absl::Notification ended;
  auto watch = PeerWatch::Start(peer, [&ended] { ended.Notify(); });
  if (watch == nullptr) {
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    GTEST_SKIP() << "this system has no process handles";
  }
  EXPECT_FALSE(ended.HasBeenNotified());
  kill(child, SIGKILL);
  EXPECT_TRUE(ended.WaitForNotificationWithTimeout(absl::Seconds(5)));
  waitpid(child, nullptr, 0);
}

TEST(PeerWatchTest, AWatchEndsBeforeItsProcess) {
  bool called = false;
  {
    auto watch = PeerWatch::Start(ThisProcess(), [&called] { called = true; });
  }
  EXPECT_FALSE(called);
}

TEST(PeerWatchTest, AProcessOfAnotherNamespaceIsNotWatched) {
  ProcessIdentity peer = ThisProcess();
  ++peer.pid_namespace;
  EXPECT_EQ(PeerWatch::Start(peer, [] {}), nullptr);
  peer = ThisProcess();
  peer.boot_id[0] = 'x';
  EXPECT_EQ(PeerWatch::Start(peer, [] {}), nullptr);
}

}  // namespace
}  // namespace halfpipe
