#include "stage/data/decoder_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/base/disk_full.h"
#include "common/base/steady_clock.h"

namespace halfpipe {
namespace {

// Waits until `fd` is ready for `events`.
absl::Status WaitFor(int fd, int events, absl::Time deadline) {
  while (true) {
    absl::Duration left = deadline - SteadyNow();
    if (left <= absl::ZeroDuration()) {
      return absl::DeadlineExceededError("the decoder did not answer in time");
    }
    // A minute at most, so that no deadline overflows poll's int.
    int64_t milliseconds =
        std::min<int64_t>(absl::ToInt64Milliseconds(left) + 1, 60 * 1000);
    pollfd waited = {};
    waited.fd = fd;
    waited.events = static_cast<decltype(waited.events)>(events);
    int ready = poll(&waited, 1, static_cast<int>(milliseconds));
    if (ready > 0) return absl::OkStatus();
    if (ready < 0 && errno != EINTR) {
      return SystemErrnoStatus(errno, "poll of the decoder's pipe");
    }
  }
}

// What the child may know of our environment: where libraries are, and the
// options of a sanitizer build. No secrets. FFmpeg's filters load the system's
// BLAS, and OpenBLAS would start a thread a core before the child is confined.
std::vector<std::string> ChildEnvironment() {
  std::vector<std::string> environment = {"LC_ALL=C", "OPENBLAS_NUM_THREADS=1"};
  for (const char* name :
       {"LD_LIBRARY_PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS"}) {
    const char* value = std::getenv(name);
    if (value != nullptr) {
      environment.push_back(absl::StrCat(name, "=", value));
    }
  }
  return environment;
}

// posix_spawn, and not fork: the caller may have many threads and a GPU.
int Spawn(const std::string& program, int input, int output, pid_t* pid) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  absl::Cleanup destroy = [&] { posix_spawn_file_actions_destroy(&actions); };
  posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  std::string name = program;
  char* arguments[] = {name.data(), nullptr};
  std::vector<std::string> variables = ChildEnvironment();
  std::vector<char*> environment;
  environment.reserve(variables.size() + 1);
  for (std::string& variable : variables) {
    environment.push_back(variable.data());
  }
  environment.push_back(nullptr);
  return posix_spawn(pid, program.c_str(), &actions, nullptr, arguments,
                     environment.data());
}

}  // namespace

absl::StatusOr<DecoderProcess> DecoderProcess::Start(
    const std::string& program) {
  // A socket for the request, as a write to it can be kept from raising
  // SIGPIPE; a pipe for the frames.
  int input[2], output[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, input) != 0) {
    return SystemErrnoStatus(errno, "cannot make a socket for the decoder");
  }
  if (pipe2(output, O_CLOEXEC) != 0) {
    int error = errno;
    close(input[0]);
    close(input[1]);
    return SystemErrnoStatus(error, "cannot make a pipe for the decoder");
  }
  constexpr int kPipeBytes = 1 << 20;  // a frame in few wake-ups; best effort
  (void)fcntl(output[0], F_SETPIPE_SZ, kPipeBytes);
  pid_t pid = -1;
  int error = Spawn(program, input[1], output[1], &pid);
  close(input[1]);
  close(output[1]);
  if (error != 0) {
    close(input[0]);
    close(output[0]);
    if (IsShortageErrno(error)) {
      return SystemErrnoStatus(error, "cannot start the decoder");
    }
    return absl::FailedPreconditionError(absl::StrCat(
        "cannot start the decoder ", program, ": ", strerror(error),
        "; it is installed beside the stage programs"));
  }
  return DecoderProcess(pid, input[0], output[0]);
}

DecoderProcess::DecoderProcess(pid_t pid, int input, int output)
    : pid_(pid), input_(input), output_(output) {}

DecoderProcess::DecoderProcess(DecoderProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      input_(std::exchange(other.input_, -1)),
      output_(std::exchange(other.output_, -1)) {}

DecoderProcess::~DecoderProcess() {
  if (pid_ > 0) (void)End();
  if (input_ >= 0) close(input_);
  if (output_ >= 0) close(output_);
}

absl::Status DecoderProcess::Send(absl::string_view bytes,
                                  absl::Time deadline) {
  while (!bytes.empty()) {
    absl::Status ready = WaitFor(input_, POLLOUT, deadline);
    if (!ready.ok()) return ready;
    ssize_t sent =
        send(input_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (sent < 0) return absl::DataLossError("the decoder ended");
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return absl::OkStatus();
}

absl::Status DecoderProcess::Read(void* out, size_t size, absl::Time deadline) {
  char* cursor = static_cast<char*>(out);
  while (size > 0) {
    absl::Status ready = WaitFor(output_, POLLIN, deadline);
    if (!ready.ok()) return ready;
    ssize_t got = read(output_, cursor, size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return SystemErrnoStatus(errno, "reading from the decoder");
    if (got == 0) return absl::DataLossError("the decoder ended");
    cursor += got;
    size -= static_cast<size_t>(got);
  }
  return absl::OkStatus();
}

ProcessEnd DecoderProcess::End() {
  if (pid_ <= 0) return {.by_signal = false, .text = "it had ended"};
  // A child that closed its output is about to end by itself: how it does is
  // worth a moment.
  int state = 0;
  pid_t waited = 0;
  for (int i = 0; i < 50 && waited == 0; ++i) {
    waited = waitpid(pid_, &state, WNOHANG);
    if (waited == 0) {
      struct pollfd output = {.fd = output_, .events = POLLIN, .revents = 0};
      bool closed = poll(&output, 1, 0) > 0 && (output.revents & POLLHUP);
      if (!closed) break;
      absl::SleepFor(absl::Milliseconds(10));
    }
  }
  if (waited == 0) {
    kill(pid_, SIGKILL);
    while (waitpid(pid_, &state, 0) < 0 && errno == EINTR) {
    }
  }
  pid_ = -1;
  if (WIFSIGNALED(state)) {
    int signal = WTERMSIG(state);
    return {
        .by_signal = true,
        .text = absl::StrCat("signal ", signal, " (", strsignal(signal), ")")};
  }
  return {.by_signal = false,
          .text = absl::StrCat("exit code ", WEXITSTATUS(state))};
}

}  // namespace halfpipe
