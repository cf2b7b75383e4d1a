// A folder that only this user can enter and that goes away with its owner.
#ifndef HP_CLIENT_LOCAL_PRIVATE_DIRECTORY_H_
#define HP_CLIENT_LOCAL_PRIVATE_DIRECTORY_H_

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace halfpipe {

// Mode 0700, under $TMPDIR or /tmp. The destructor removes it with all it
// holds. Sockets may lie in it: a $TMPDIR that is too long for a socket's
// address (108 bytes) is passed over for /tmp.
class PrivateDirectory {
 public:
  // Creates PREFIX-XXXXXX. Codes: as mkdtemp's errno.
  [[nodiscard]] static absl::StatusOr<PrivateDirectory> Create(
      absl::string_view prefix);
  PrivateDirectory(PrivateDirectory&& other) noexcept;
  PrivateDirectory& operator=(PrivateDirectory&&) = delete;
  ~PrivateDirectory();

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  explicit PrivateDirectory(std::string path) : path_(std::move(path)) {}

  std::string path_;  // empty: moved from
};

}  // namespace halfpipe

#endif  // HP_CLIENT_LOCAL_PRIVATE_DIRECTORY_H_
