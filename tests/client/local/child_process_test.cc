#include "client/local/child_process.h"

#include <signal.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "absl/time/clock.h"
#include "client/client_test_support.h"
#include "common/base/file.h"
#include "gtest/gtest.h"

namespace halfpipe {
namespace {

ChildExit WaitFor(ChildProcess& child) {
  const auto exit = child.WaitUntil(absl::Now() + absl::Seconds(10));
  if (exit.has_value()) return *exit;
  ADD_FAILURE() << "the child did not end";
  return {};
}

bool IsAlive(pid_t pid) { return kill(pid, 0) == 0; }

// The number that a shell wrote into a file, once it is there.
pid_t ReadPid(const std::string& path) {
  pid_t pid = 0;
  const bool found = EventuallyTrue([&] {
    const auto text = ReadFile(path);
    return text.ok() && !text->empty() && text->back() == '\n' &&
           (pid = std::stoi(*text)) > 0;
  });
  EXPECT_TRUE(found) << path;
  return pid;
}

TEST(ChildProcessTest, TellsExitCodeAndSignal) {
  auto exits = ChildProcess::Spawn(Shell("exit 7"), "");
  ASSERT_TRUE(exits.ok()) << exits.status();
  EXPECT_EQ(WaitFor(*exits), (ChildExit{.code = 7, .signal = 0}));
  auto dies = ChildProcess::Spawn(Shell("kill -9 $$"), "");
  ASSERT_TRUE(dies.ok()) << dies.status();
  EXPECT_EQ(WaitFor(*dies).signal, SIGKILL);
  EXPECT_EQ(ToString(*dies->TryWait()), "was killed by signal 9 (Killed)");
}

TEST(ChildProcessTest, AppendsBothStreamsToTheLog) {
  const TestDirectory directory;
  const std::string log = directory.Path("log");
  for (int i = 0; i < 2; ++i) {
    auto child = ChildProcess::Spawn(Shell("echo out; echo err >&2"), log);
    ASSERT_TRUE(child.ok()) << child.status();
    (void)WaitFor(*child);
  }
  EXPECT_EQ(*ReadFile(log), "out\nerr\nout\nerr\n");
}

TEST(ChildProcessTest, MissingProgramIsKnownAtOnce) {
  const auto child = ChildProcess::Spawn({"/nowhere/halfpipe-stage0"}, "");
  EXPECT_EQ(child.status().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(child.status().message().find("/nowhere/halfpipe-stage0"),
            absl::string_view::npos);
}

TEST(ChildProcessTest, KillTakesTheGrandchildrenToo) {
  const TestDirectory directory;
  const std::string file = directory.Path("pid");
  pid_t grandchild = 0;
  {
    auto child = ChildProcess::Spawn(
        Shell("sleep 60 & echo $! > " + file + "; wait"), "");
    ASSERT_TRUE(child.ok()) << child.status();
    grandchild = ReadPid(file);
    EXPECT_TRUE(IsAlive(grandchild));
  }
  EXPECT_TRUE(EventuallyTrue([&] { return !IsRunning(grandchild); }));
}

TEST(ChildProcessTest, DiesWithTheThreadThatStartedIt) {
  pid_t pid = 0;
  std::optional<ChildProcess> child;
  // A thread stands in for the process: the kernel's rule is about it.
  std::thread starter([&] {
    auto spawned = ChildProcess::Spawn(Shell("exec sleep 60"), "");
    ASSERT_TRUE(spawned.ok()) << spawned.status();
    child.emplace(*std::move(spawned));
    pid = child->pid();
  });
  starter.join();
  ASSERT_GT(pid, 0);
  EXPECT_EQ(WaitFor(*child).signal, SIGKILL);
}

TEST(ChildProcessTest, ChildHasNoBlockedSignals) {
  sigset_t blocked;
  sigset_t before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  ASSERT_EQ(pthread_sigmask(SIG_BLOCK, &blocked, &before), 0);
  auto child = ChildProcess::Spawn(Shell("exec sleep 60"), "");
  ASSERT_EQ(pthread_sigmask(SIG_SETMASK, &before, nullptr), 0);
  ASSERT_TRUE(child.ok()) << child.status();
  child->Signal(SIGTERM);
  EXPECT_EQ(WaitFor(*child).signal, SIGTERM);
}

}  // namespace
}  // namespace halfpipe
