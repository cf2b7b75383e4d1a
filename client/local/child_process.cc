#include "client/local/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/status.h"
#include "common/base/steady_clock.h"

namespace halfpipe {
namespace {

// How soon a wait notices the end.
constexpr absl::Duration kPoll = absl::Milliseconds(5);

// Between fork and exec only async-signal-safe calls are allowed. On failure
// the errno goes to the parent through `error_pipe`, which exec closes.
[[noreturn]] void RunChild(char* const* argv, int log_fd, int error_pipe,
                           pid_t parent) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The parent may have died before the line above took effect.
  if (getppid() != parent) _exit(127);
  if (log_fd >= 0) {
    dup2(log_fd, STDOUT_FILENO);
    dup2(log_fd, STDERR_FILENO);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  execv(argv[0], argv);
  const int error = errno;
  // Nothing is left to do when even this write fails.
  [[maybe_unused]] const ssize_t written =
      write(error_pipe, &error, sizeof(error));
  _exit(127);
}

absl::StatusOr<int> OpenLog(const std::string& path) {
  if (path.empty()) return -1;
  const int fd =
      open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (fd < 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
  }
  return fd;
}

// The errno that the child sent before it gave up, or 0 after its exec.
int ReadExecError(int fd) {
  int error = 0;
  ssize_t got = 0;
  do {
    got = read(fd, &error, sizeof(error));
  } while (got < 0 && errno == EINTR);
  return got == static_cast<ssize_t>(sizeof(error)) ? error : 0;
}

ChildExit FromWaitStatus(int status) {
  ChildExit exit;
  if (WIFSIGNALED(status)) {
    exit.signal = WTERMSIG(status);
  } else {
    exit.code = WEXITSTATUS(status);
  }
  return exit;
}

}  // namespace

std::string ToString(const ChildExit& exit) {
  if (exit.signal == 0) return absl::StrCat("exited with code ", exit.code);
  return absl::StrCat("was killed by signal ", exit.signal, " (",
                      strsignal(exit.signal), ")");
}

absl::StatusOr<ChildProcess> ChildProcess::Spawn(
    const std::vector<std::string>& argv, const std::string& log_path) {
  HP_CHECK(!argv.empty());
  std::vector<char*> raw;
  raw.reserve(argv.size() + 1);
  for (const std::string& arg : argv) {
    raw.push_back(const_cast<char*>(arg.c_str()));
  }
  raw.push_back(nullptr);
  HP_ASSIGN_OR_RETURN(const int log_fd, OpenLog(log_path));
  int error_pipe[2];
  if (pipe2(error_pipe, O_CLOEXEC) != 0) {
    const int error = errno;
    if (log_fd >= 0) close(log_fd);
    return absl::ErrnoToStatus(error, "pipe2");
  }
  const pid_t parent = getpid();
  const pid_t pid = fork();
  const int fork_error = errno;
  if (pid == 0) RunChild(raw.data(), log_fd, error_pipe[1], parent);
  close(error_pipe[1]);
  if (log_fd >= 0) close(log_fd);
  const int exec_error = pid < 0 ? fork_error : ReadExecError(error_pipe[0]);
  close(error_pipe[0]);
  if (exec_error != 0) {
    if (pid > 0) waitpid(pid, nullptr, 0);
    return absl::ErrnoToStatus(exec_error,
                               absl::StrCat("cannot start ", argv[0]));
  }
  return ChildProcess(pid);
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), exit_(other.exit_) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  if (this != &other) {
    Kill();
    pid_ = std::exchange(other.pid_, -1);
    exit_ = other.exit_;
  }
  return *this;
}

ChildProcess::~ChildProcess() { Kill(); }

std::optional<ChildExit> ChildProcess::TryWait() {
  if (exit_.has_value() || pid_ < 0) return exit_;
  int status = 0;
  const pid_t got = waitpid(pid_, &status, WNOHANG);
  if (got == pid_) exit_ = FromWaitStatus(status);
  return exit_;
}

std::optional<ChildExit> ChildProcess::WaitUntil(absl::Time deadline) {
  while (!TryWait().has_value() && SteadyNow() < deadline) {
    absl::SleepFor(kPoll);
  }
  return exit_;
}

void ChildProcess::Signal(int signal) {
  if (pid_ < 0 || exit_.has_value()) return;
  // Until it is reaped the pid, and so the group's id, cannot be reused.
  if (kill(-pid_, signal) != 0) kill(pid_, signal);
}

void ChildProcess::Kill() {
  if (pid_ < 0 || exit_.has_value()) return;
  Signal(SIGKILL);
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  exit_ = FromWaitStatus(status);
}

}  // namespace halfpipe
