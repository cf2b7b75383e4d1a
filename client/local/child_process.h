// One child process in a process group of its own that cannot outlive us.
#ifndef HP_CLIENT_LOCAL_CHILD_PROCESS_H_
#define HP_CLIENT_LOCAL_CHILD_PROCESS_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace halfpipe {

// How a process ended.
struct ChildExit {
  int code = 0;    // the exit code; meaningless when `signal` is set
  int signal = 0;  // the signal that killed it, or 0

  friend bool operator==(const ChildExit&, const ChildExit&) = default;
};

// "exited with code 3", "was killed by signal 9 (Killed)".
[[nodiscard]] std::string ToString(const ChildExit& exit);

// Starts a program and waits for it. The child leads its own process group, so
// that a Ctrl-C at the terminal reaches only us and we decide what it means;
// the kernel kills it (SIGKILL) when the thread that called Spawn ends.
//
// Thread rule: one thread, which lives as long as the child. Movable.
class ChildProcess {
 public:
  // `argv[0]` is the program's path. Standard output and error are appended to
  // `log_path`; an empty path inherits ours. NotFound / PermissionDenied when
  // the program cannot be executed (known before this returns).
  [[nodiscard]] static absl::StatusOr<ChildProcess> Spawn(
      const std::vector<std::string>& argv, const std::string& log_path);

  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  // Kills the group if the child still runs.
  ~ChildProcess();

  // The exit if the child has ended, else nullopt; does not block.
  [[nodiscard]] std::optional<ChildExit> TryWait();

  // The same, after waiting for it until `deadline`.
  [[nodiscard]] std::optional<ChildExit> WaitUntil(absl::Time deadline);

  // Sends `signal` to the child's whole group; a no-op after the end.
  void Signal(int signal);

  // SIGKILL to the group, and reaps the child.
  void Kill();

  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  explicit ChildProcess(pid_t pid) : pid_(pid) {}

  pid_t pid_ = -1;  // -1: moved from
  std::optional<ChildExit> exit_;
};

}  // namespace halfpipe

#endif  // HP_CLIENT_LOCAL_CHILD_PROCESS_H_
