// A media file that was opened before the process was confined, as libavformat
// reads it: by descriptor, never by name.
#ifndef HP_DECODE_INPUT_FILE_H_
#define HP_DECODE_INPUT_FILE_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

extern "C" {
#include <libavformat/avio.h>
}

namespace halfpipe {

// Owns the descriptor and the AVIOContext over it. Movable.
class InputFile {
 public:
  // NotFound, PermissionDenied; InvalidArgument for what is no regular file
  // (a pipe would hang) or is empty.
  [[nodiscard]] static absl::StatusOr<InputFile> Open(const std::string& path);
  InputFile(InputFile&& other) noexcept;
  InputFile& operator=(InputFile&&) = delete;
  ~InputFile();

  // To be given to a demuxer, which must be closed before this object dies.
  // nullptr when there is no memory. Call once.
  [[nodiscard]] AVIOContext* MakeContext();

  // Up to `bytes` bytes from `offset`, fewer at the end of the file.
  // Independent of what a demuxer reads. InvalidArgument when it cannot be
  // read.
  [[nodiscard]] absl::StatusOr<std::string> ReadAt(int64_t offset,
                                                   size_t bytes) const;

  // The whole file. InvalidArgument when it has more than `limit` bytes.
  [[nodiscard]] absl::StatusOr<std::string> ReadAll(int64_t limit) const;

  [[nodiscard]] int64_t size_bytes() const { return size_bytes_; }

 private:
  InputFile(int fd, int64_t size_bytes) : fd_(fd), size_bytes_(size_bytes) {}

  int fd_;
  int64_t size_bytes_;
  AVIOContext* context_ = nullptr;
};

}  // namespace halfpipe

#endif  // HP_DECODE_INPUT_FILE_H_
