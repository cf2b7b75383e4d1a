// A file that grows by whole records.
#ifndef HP_STAGE_CURVES_GROWING_FILE_H_
#define HP_STAGE_CURVES_GROWING_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace halfpipe {

// What was appended outlives this process at once, and the machine from Sync
// on. Not thread-safe.
class GrowingFile {
 public:
  // Opens `path` behind what is there, or makes it. Codes: FileErrnoStatus's;
  // InvalidArgument for what is no file of its own: a link, a pipe.
  [[nodiscard]] static absl::StatusOr<GrowingFile> Open(
      const std::string& path);
  GrowingFile(GrowingFile&& other) noexcept;
  GrowingFile& operator=(GrowingFile&& other) noexcept;
  ~GrowingFile();

  // Whole or not at all: of one that fails nothing stays.
  [[nodiscard]] absl::Status Append(absl::string_view record);
  [[nodiscard]] absl::Status Sync();

 private:
  GrowingFile(std::string path, int fd);

  std::string path_;
  int fd_;  // -1: moved from
};

// Leaves the first `bytes` of the file. OK where it has no more.
[[nodiscard]] absl::Status CutFile(const std::string& path, int64_t bytes);

}  // namespace halfpipe

#endif  // HP_STAGE_CURVES_GROWING_FILE_H_
