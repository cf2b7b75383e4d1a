// At most one process works in a folder at a time.
#ifndef HP_COMMON_BASE_FILE_LOCK_H_
#define HP_COMMON_BASE_FILE_LOCK_H_

#include <string>

#include "absl/status/statusor.h"

namespace halfpipe {

// An exclusive lock on a file or folder, held until destruction or the
// process's end (flock; children do not inherit it).
class FileLock {
 public:
  // Creates the file if need be and writes our process id into it.
  // FailedPrecondition, naming the holder's id, when it is taken.
  [[nodiscard]] static absl::StatusOr<FileLock> Acquire(
      const std::string& path);
  // The same on a folder that is there, and leaves nothing in it. Another code
  // where its file system has no such locks.
  [[nodiscard]] static absl::StatusOr<FileLock> AcquireFolder(
      const std::string& path);
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&&) = delete;
  ~FileLock();

 private:
  explicit FileLock(int fd) : fd_(fd) {}

  int fd_;  // -1: moved from
};

}  // namespace halfpipe

#endif  // HP_COMMON_BASE_FILE_LOCK_H_
