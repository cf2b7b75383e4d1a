// Useful for tests that open thousands of variants of a file: one that has a
// path but never touches a disk.
#ifndef HP_TESTS_COMMON_STORE_MEMORY_FILE_H_
#define HP_TESTS_COMMON_STORE_MEMORY_FILE_H_

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace halfpipe {

class MemoryFile {
 public:
  explicit MemoryFile(absl::string_view content)
      : fd_(memfd_create("test", MFD_CLOEXEC)) {
    EXPECT_EQ(write(fd_, content.data(), content.size()),
              static_cast<ssize_t>(content.size()));
  }

  ~MemoryFile() { close(fd_); }

  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  [[nodiscard]] std::string path() const {
    return absl::StrCat("/proc/self/fd/", fd_);
  }

 private:
  const int fd_;
};

}  // namespace halfpipe

#endif  // HP_TESTS_COMMON_STORE_MEMORY_FILE_H_
