// Keeps a few child processes running: restarts the ones that die, with
// back-off, and gives up with a message that a person can act on.
#ifndef HP_CLIENT_LOCAL_SUPERVISOR_H_
#define HP_CLIENT_LOCAL_SUPERVISOR_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/local/child_process.h"

namespace halfpipe {

// Processes that the kernel's out-of-memory killer has ended so far in this
// process's control group, and in those below it; nullopt where the kernel does
// not say. Children share it unless they were moved. `root` is for tests. Any
// thread.
[[nodiscard]] std::optional<int64_t> OomKills(const std::string& root = "");

// What to run. The name is for messages and must be unique in a supervisor.
struct ChildSpec {
  std::string name;               // "stage0"
  std::vector<std::string> argv;  // argv[0]: the program's path
  std::string log_path;           // standard output and error, appended
};

// When a dead child comes back. The n-th quick failure in a row waits
// initial_delay * 2^(n-1), at most max_delay; a child that ran longer than
// `quick` before it died starts the count again, and so does progress.
struct ChildRestartPolicy {
  absl::Duration initial_delay = absl::Milliseconds(250);
  absl::Duration max_delay = absl::Seconds(10);
  absl::Duration quick = absl::Seconds(20);
  int max_quick_failures = 5;
};

// Starts, watches, restarts and stops children.
//
// A child that exits with 2 (usage), 3 (invalid input) or 69 (device missing)
// is not restarted: trying again cannot help. Any other end is followed by a
// restart until max_quick_failures in a row: a signal, and exit code 0 too, as
// somebody else's SIGTERM ends a child whose work is not done.
//
// Thread rule: every method from the one thread that lives as long as the
// children (see ChildProcess). Nothing blocks except Stop.
class Supervisor {
 public:
  // `on_notice` is called from Poll with one line a restart, for people.
  // `oom_kills` is the function above, or a test's.
  Supervisor(
      ChildRestartPolicy policy,
      std::function<void(const std::string&)> on_notice,
      std::function<std::optional<int64_t>()> oom_kills =
          [] { return OomKills(); })
      : policy_(policy),
        on_notice_(std::move(on_notice)),
        oom_kills_(std::move(oom_kills)) {}

  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;
  // Kills whatever still runs.
  ~Supervisor() = default;

  // Starts a child. NotFound / PermissionDenied when its program cannot run.
  [[nodiscard]] absl::Status Start(const ChildSpec& spec);

  // Reaps and restarts; call it a few times a second. The first child that is
  // given up makes it fail, with the name, how it ended and the tail of its
  // log: InvalidArgument after exit code 3, FailedPrecondition after 2 and 69,
  // Internal after too many quick failures.
  [[nodiscard]] absl::Status Poll();

  // SIGTERM to all, last started first; SIGKILL to what is left after `grace`.
  void Stop(absl::Duration grace);

  // SIGKILL to all, at once.
  void Kill();

  // SIGKILL to a child that hangs: a later Poll sees it dead and starts it
  // again. `why` is for people, after the name: "hangs (...)". A child that has
  // not `worked` counts as a quick failure however long it ran, so that one
  // which hangs at every start is given up. No effect on an unknown name, on a
  // dead child, or on one that KillChild killed already.
  void KillChild(absl::string_view name, absl::string_view why, bool worked);

  // What the children do together got further than it ever was: those that run
  // have done their part of it, and their quick failures before do not count.
  void NoteProgress();

  // Process id of the running child, or nullopt (unknown name, or dead).
  [[nodiscard]] std::optional<pid_t> PidOf(absl::string_view name) const;

  // How often the child was started again; 0 for an unknown name.
  [[nodiscard]] int RestartsOf(absl::string_view name) const;

  // The last lines of a child's log, indented; "" for an unknown name.
  [[nodiscard]] std::string LogTailOf(absl::string_view name) const;

 private:
  struct Child {
    ChildSpec spec;
    std::optional<ChildProcess> process;  // nullopt: waits for `restart_at`
    std::string killed_because;           // by KillChild; empty: not
    bool worked = true;                   // as KillChild was told
    std::optional<int64_t> oom_kills;     // of our group when it was started
    absl::Time started;
    absl::Time restart_at;
    int quick_failures = 0;
    int restarts = 0;
  };

  [[nodiscard]] absl::Status Launch(Child& child);
  [[nodiscard]] absl::Status HandleExit(Child& child, const ChildExit& exit);
  // How the child ended, for people.
  [[nodiscard]] std::string Describe(const Child& child,
                                     const ChildExit& exit) const;
  [[nodiscard]] const Child* Find(absl::string_view name) const;

  ChildRestartPolicy policy_;
  std::function<void(const std::string&)> on_notice_;
  std::function<std::optional<int64_t>()> oom_kills_;
  std::vector<Child> children_;
};

// The last `max_lines` lines of a text file (looked for in its last 16 KiB),
// each after four spaces; "" when there is no such file.
[[nodiscard]] std::string TailOfFile(const std::string& path, int max_lines);

}  // namespace halfpipe

#endif  // HP_CLIENT_LOCAL_SUPERVISOR_H_
