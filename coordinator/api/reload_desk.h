// How an edit of the tokens file reaches the service that follows it, and how
// whoever edits learns that it has.
#ifndef HP_COORDINATOR_API_RELOAD_DESK_H_
#define HP_COORDINATOR_API_RELOAD_DESK_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace halfpipe {

// A Unix socket in Linux's abstract space, whose name comes of the file's path:
// nothing lies in a folder, and whoever knows the path finds it, on this
// machine and in this container. To connect is to ask; nothing is read of
// whoever does. The answer is the SHA-256 of the text in force, which proves
// that it comes from somebody who could read the file, or why it cannot be
// read. Up to four services may follow one file. One thread.
class ReloadDesk {
 public:
  // Reads the file and returns the SHA-256 of the text that is in force.
  using Reload = std::function<absl::StatusOr<std::string>()>;

  // Unavailable: there is no room for one more. Codes of errno.
  [[nodiscard]] static absl::StatusOr<ReloadDesk> Open(
      const std::string& token_file);
  ReloadDesk(ReloadDesk&& other) noexcept;
  ReloadDesk& operator=(ReloadDesk&&) = delete;
  ~ReloadDesk();

  // Answers those who have asked since the last call, all of them by one
  // reload. Does not block. Every 100 ms.
  void Answer(const Reload& reload);

 private:
  explicit ReloadDesk(int fd) : fd_(fd) {}

  int fd_;  // -1: moved from
};

// How many running services have read the file as it is now: 0, none follows
// it here. Asks each and waits for `patience` at most. Unavailable: one cannot
// read it, does not answer, or stays with another text; the message says why.
[[nodiscard]] absl::StatusOr<int> AskToReload(
    const std::string& token_file, absl::Duration patience = absl::Seconds(10));

}  // namespace halfpipe

#endif  // HP_COORDINATOR_API_RELOAD_DESK_H_
