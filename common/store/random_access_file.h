// A file that is read at given offsets, by any number of threads at once.
#ifndef HP_COMMON_STORE_RANDOM_ACCESS_FILE_H_
#define HP_COMMON_STORE_RANDOM_ACCESS_FILE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace halfpipe {

// An open regular file. Immutable, owns its descriptor; pread keeps no cursor,
// so every method may be called from any thread.
class RandomAccessFile {
 public:
  // Codes: NotFound, PermissionDenied; InvalidArgument when `path` is no
  // regular file (a folder, a pipe, a device).
  [[nodiscard]] static absl::StatusOr<std::shared_ptr<const RandomAccessFile>>
  Open(const std::string& path);
  ~RandomAccessFile();
  RandomAccessFile(const RandomAccessFile&) = delete;
  RandomAccessFile& operator=(const RandomAccessFile&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }

  // Bytes when it was opened.
  [[nodiscard]] uint64_t size() const { return size_; }

  // What told this content from another when it was opened: device, inode,
  // size, and the nanoseconds of the last changes.
  [[nodiscard]] const std::string& stamp() const { return stamp_; }

  // Copies `bytes` from `offset` to `destination`. DataLoss when the file ends
  // before that; Unavailable for a read error of the device.
  [[nodiscard]] absl::Status ReadAt(uint64_t offset, uint64_t bytes,
                                    void* destination) const;

  // The same into a new string. REQUIRES: the caller bounded `bytes`.
  [[nodiscard]] absl::StatusOr<std::string> ReadStringAt(uint64_t offset,
                                                         uint64_t bytes) const;

 private:
  RandomAccessFile(std::string path, int fd, uint64_t size, std::string stamp);

  const std::string path_;
  const int fd_;
  const uint64_t size_;
  const std::string stamp_;
};

}  // namespace halfpipe

#endif  // HP_COMMON_STORE_RANDOM_ACCESS_FILE_H_
