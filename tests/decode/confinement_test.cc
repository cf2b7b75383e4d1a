#include "decode/confinement.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <functional>
#include <numeric>
#include <vector>

#include "gtest/gtest.h"

namespace halfpipe {
namespace {

// How a confined child ends that runs `act` and exits with its result.
int WaitStatusOf(const std::function<int()>& act) {
  pid_t pid = fork();
  if (pid == 0) {
    if (!Confine({.memory_bytes = uint64_t{1} << 40, .cpu_seconds = 1}).ok()) {
      _exit(99);
    }
    _exit(act());
  }
  int status = 0;
  waitpid(pid, &status, 0);
  return status;
}

int ExitCodeOf(const std::function<int()>& act) {
  int status = WaitStatusOf(act);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST(ConfinementTest, ReadingWritingAndMemoryWork) {
  int fds[2];
  ASSERT_EQ(pipe(fds), 0);
  ASSERT_EQ(write(fds[1], "abc", 3), 3);
  EXPECT_EQ(ExitCodeOf([&] {
              char buffer[3];
              char* memory = new char[1 << 24];
              memory[12345] = 1;
              bool good = read(fds[0], buffer, 3) == 3 && memory[12345] == 1;
              delete[] memory;
              return good ? 7 : 8;
            }),
            7);
  close(fds[0]);
  close(fds[1]);
}

// glibc's qsort asks for the machine's memory before it takes any.
TEST(ConfinementTest, LargeTablesCanBeSorted) {
  EXPECT_EQ(ExitCodeOf([] {
              std::vector<int> table(100000);
              std::iota(table.rbegin(), table.rend(), 0);
              qsort(table.data(), table.size(), sizeof(int),
                    [](const void* a, const void* b) {
                      return *static_cast<const int*>(a) -
                             *static_cast<const int*>(b);
                    });
              return table.front() == 0 ? 7 : 8;
            }),
            7);
}

TEST(ConfinementTest, FilesCannotBeOpened) {
  EXPECT_EQ(ExitCodeOf([] {
              return open("/etc/passwd", O_RDONLY) < 0 && errno == EACCES ? 7
                                                                          : 8;
            }),
            7);
}

TEST(ConfinementTest, EverythingElseKills) {
  EXPECT_EQ(ExitCodeOf([] { return socket(AF_INET, SOCK_STREAM, 0); }),
            -SIGSYS);
  EXPECT_EQ(ExitCodeOf([] { return fork() >= 0 ? 1 : 2; }), -SIGSYS);
  EXPECT_EQ(ExitCodeOf([] { return kill(getppid(), 0); }), -SIGSYS);
  EXPECT_EQ(ExitCodeOf([] { return unlink("/tmp/nothing"); }), -SIGSYS);
  EXPECT_EQ(ExitCodeOf([] {
              char* const none[] = {nullptr};
              return execve("/bin/true", none, none);
            }),
            -SIGSYS);
  EXPECT_EQ(ExitCodeOf([] {
              return mmap(nullptr, 4096, PROT_READ | PROT_EXEC,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == nullptr;
            }),
            -SIGSYS);
}

TEST(ConfinementTest, OnlyStandardOutputAndErrorCanBeWritten) {
  int fds[2];
  ASSERT_EQ(pipe(fds), 0);
  EXPECT_EQ(ExitCodeOf([&] { return static_cast<int>(write(fds[1], "x", 1)); }),
            -SIGSYS);
  close(fds[0]);
  close(fds[1]);
}

TEST(ConfinementTest, CpuTimeIsLimited) {
  int status = WaitStatusOf([] {
    volatile bool forever = true;
    while (forever) {
    }
    return 0;
  });
  EXPECT_TRUE(WIFSIGNALED(status));
}

}  // namespace
}  // namespace halfpipe
