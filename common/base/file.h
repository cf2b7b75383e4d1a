// Files that are written whole or not at all.
#ifndef HP_COMMON_BASE_FILE_H_
#define HP_COMMON_BASE_FILE_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace halfpipe {

// A descriptor that reads `path`, never waited for; the caller closes it.
// Codes: NotFound, PermissionDenied, Unavailable, and InvalidArgument for what
// is no regular file: a named pipe would keep whoever opens it until somebody
// writes, and a device may have no end.
[[nodiscard]] absl::StatusOr<int> OpenRegularFile(const std::string& path);

// The whole content. Codes: those, and ResourceExhausted for a file larger than
// `max_bytes`.
[[nodiscard]] absl::StatusOr<std::string> ReadFile(
    const std::string& path, uint64_t max_bytes = uint64_t{1} << 30);

// The same, and what a shell puts in a file's place: a pipe without a name, as
// of <(command) and of standard input, and /dev/null. For what somebody names
// on the command line only.
[[nodiscard]] absl::StatusOr<std::string> ReadFileOrPipe(
    const std::string& path, uint64_t max_bytes);

// Writes a temporary file beside `path`, syncs it and renames it over `path`,
// then syncs the folder. On any failure `path` is as it was before and the
// temporary file is gone. ResourceExhausted when the disk is full.
[[nodiscard]] absl::Status WriteFileAtomically(const std::string& path,
                                               absl::string_view content);

// Copies a file the same way, in pieces, with data of its own on the disk.
[[nodiscard]] absl::Status CopyFileAtomically(const std::string& source,
                                              const std::string& target);

// The same for content that comes in pieces. Not thread-safe. A destroyed
// writer that was not committed leaves nothing behind.
class AtomicFile {
 public:
  // Opens `path` + a unique ".tmp" suffix in the same folder, with the
  // permissions `mode` less the process's umask.
  [[nodiscard]] static absl::StatusOr<AtomicFile> Create(
      const std::string& path, unsigned mode = 0644);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  // Gives the new file the owner, group, mode and access list of the one at
  // `path`, which is to be replaced. PermissionDenied where this process may
  // not; whoever commits all the same shuts out those who could read it.
  [[nodiscard]] absl::Status TakeAccessOf(const std::string& path);
  // Appends. ResourceExhausted when the disk is full.
  [[nodiscard]] absl::Status Append(const void* data, size_t size);
  // fsync, rename, fsync of the folder. Call once.
  [[nodiscard]] absl::Status Commit();

 private:
  AtomicFile(std::string path, std::string temporary, int fd);

  std::string path_;
  std::string temporary_;
  int fd_;
};

// Removes what a killed process has left of a CopyFileAtomically to `target`. A
// name proves nothing: only what `source` begins with, byte for byte, goes.
void RemoveUnfinishedCopies(const std::string& source,
                            const std::string& target);

// Creates the folder and its parents; OK when it exists.
[[nodiscard]] absl::Status MakeDirectories(const std::string& path);

// fsync of a folder, so that renames in it are durable.
[[nodiscard]] absl::Status SyncDirectory(const std::string& path);

// Renames a folder that was filled under a temporary name; the target must not
// exist. Syncs the parent.
[[nodiscard]] absl::Status CommitDirectory(const std::string& temporary,
                                           const std::string& path);

}  // namespace halfpipe

#endif  // HP_COMMON_BASE_FILE_H_
