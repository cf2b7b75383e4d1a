// What fuzz targets share.
#ifndef HP_TESTS_FUZZ_FUZZ_INPUT_H_
#define HP_TESTS_FUZZ_FUZZ_INPUT_H_

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

// libFuzzer calls it, and so does corpus_replay.cc.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

// A property that holds for every input; the input is a finding where not.
#define HP_FUZZ_CHECK(condition)                                      \
  do {                                                                \
    if (!(condition)) {                                               \
      std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, \
                   #condition);                                       \
      std::abort();                                                   \
    }                                                                 \
  } while (false)

namespace halfpipe {

inline absl::string_view AsText(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// A file in memory with this content, by a path that readers can open.
class MemoryFile {
 public:
  MemoryFile(const uint8_t* data, size_t size)
      : fd_(memfd_create("fuzz", MFD_CLOEXEC)) {
    HP_FUZZ_CHECK(fd_ >= 0);
    HP_FUZZ_CHECK(write(fd_, data, size) == static_cast<ssize_t>(size));
  }

  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  ~MemoryFile() { close(fd_); }

  [[nodiscard]] std::string path() const {
    return absl::StrCat("/proc/self/fd/", fd_);
  }

 private:
  const int fd_;
};

}  // namespace halfpipe

#endif  // HP_TESTS_FUZZ_FUZZ_INPUT_H_
