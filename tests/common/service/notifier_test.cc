#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/service/systemd.h"

namespace halfpipe {
namespace {

using testing::IsEmpty;

// A service manager's side of the socket.
class NotifierTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string path = absl::StrCat(testing::TempDir(), "notify.socket");
    socket_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ASSERT_GE(socket_, 0);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    std::filesystem::remove(path);
    ASSERT_EQ(bind(socket_, reinterpret_cast<const sockaddr*>(&address),
                   sizeof(address)),
              0);
    path_ = path;
    setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }

  void TearDown() override {
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    close(socket_);
    std::filesystem::remove(path_);
  }

  // The next message; empty: there is none.
  std::string Received() {
    char text[512] = {};
    const ssize_t size =
        recv(socket_, text, sizeof(text) - 1, MSG_DONTWAIT | MSG_TRUNC);
    return size < 0 ? "" : std::string(text);
  }

  void SetWatchdog(const std::string& microseconds, pid_t pid = getpid()) {
    setenv("WATCHDOG_USEC", microseconds.c_str(), 1);
    setenv("WATCHDOG_PID", absl::StrCat(pid).c_str(), 1);
  }

  std::string path_;
  int socket_ = -1;
};

TEST_F(NotifierTest, TellsItsLife) {
  ServiceNotifier notifier;
  notifier.Ready("waiting for jobs");
  EXPECT_EQ(Received(), "READY=1\nSTATUS=waiting for jobs");
  notifier.Stopping("saving");
  EXPECT_EQ(Received(), "STOPPING=1\nSTATUS=saving");
  EXPECT_THAT(Received(), IsEmpty());
}

TEST_F(NotifierTest, AStatusIsOneLineAndSentOnce) {
  ServiceNotifier notifier;
  notifier.Status("step 3\nREADY=1");
  notifier.Status("step 3\nREADY=1");
  notifier.Status("step 4");
  EXPECT_EQ(Received(), "STATUS=step 3 READY=1");
  EXPECT_EQ(Received(), "STATUS=step 4");
  EXPECT_THAT(Received(), IsEmpty());
}

TEST_F(NotifierTest, ProgressIsToldThreeTimesALimit) {
  SetWatchdog("3000000");
  ServiceNotifier notifier;
  EXPECT_EQ(notifier.interval(), absl::Seconds(1));
  const absl::Time start = absl::UnixEpoch();
  notifier.Progress(start);
  EXPECT_EQ(Received(), "WATCHDOG=1");
  notifier.Progress(start + absl::Milliseconds(999));
  EXPECT_THAT(Received(), IsEmpty());
  notifier.Progress(start + absl::Seconds(1));
  EXPECT_EQ(Received(), "WATCHDOG=1");
}

TEST_F(NotifierTest, NobodyWhoAsksForProgressIsToldOfIt) {
  for (const pid_t pid : {pid_t{0}, pid_t{1}}) {
    if (pid != 0) SetWatchdog("1000", pid);  // another process's
    ServiceNotifier notifier;
    EXPECT_EQ(notifier.interval(), absl::InfiniteDuration());
    notifier.Progress(absl::Now());
    EXPECT_THAT(Received(), IsEmpty());
  }
}

TEST_F(NotifierTest, WithoutAManagerNothingHappens) {
  unsetenv("NOTIFY_SOCKET");
  ServiceNotifier notifier;
  notifier.Ready("alone");
  notifier.Progress(absl::Now());
  EXPECT_THAT(Received(), IsEmpty());
}

}  // namespace
}  // namespace halfpipe
