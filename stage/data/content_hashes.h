// Content digests of files, remembered between runs: a file whose size, time
// of change and inode are as they were is not read again.
#ifndef HP_STAGE_DATA_CONTENT_HASHES_H_
#define HP_STAGE_DATA_CONTENT_HASHES_H_

#include <cstdint>
#include <string>
#include <unordered_map>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace halfpipe {

// The index is a file of JSON lines {path, size, mtime_ns, inode, sha256}. It
// only saves time: lines that cannot be read are dropped, and of two processes
// that save at once one wins. Thread-safe; files are read outside the lock.
class ContentHashes {
 public:
  // An index file that does not exist is an empty one.
  explicit ContentHashes(std::string index_path);

  // Hex SHA-256 of the file's content; of a folder, over the names and digests
  // of the files in it (not hidden, recursive). NotFound; Unavailable when it
  // cannot be read or changes meanwhile.
  [[nodiscard]] absl::StatusOr<std::string> DigestOf(const std::string& path);

  // Writes the index if it changed, atomically.
  [[nodiscard]] absl::Status Save();

 private:
  // What says that a file is the same as before.
  struct Stamp {
    int64_t size = 0;
    int64_t mtime_ns = 0;
    uint64_t inode = 0;

    friend bool operator==(const Stamp&, const Stamp&) = default;
  };

  struct Entry {
    Stamp stamp;
    std::string sha256;
  };

  [[nodiscard]] static absl::StatusOr<Stamp> StampOf(const std::string& path);
  [[nodiscard]] absl::StatusOr<std::string> DigestOfFile(
      const std::string& path);
  [[nodiscard]] absl::StatusOr<std::string> DigestOfFolder(
      const std::string& path);
  void LoadLine(absl::string_view line) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string index_path_;
  absl::Mutex mutex_;
  std::unordered_map<std::string, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  bool changed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace halfpipe

#endif  // HP_STAGE_DATA_CONTENT_HASHES_H_
