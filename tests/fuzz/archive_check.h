// What must hold for the tensors of any file that a reader accepts.
#ifndef HP_TESTS_FUZZ_ARCHIVE_CHECK_H_
#define HP_TESTS_FUZZ_ARCHIVE_CHECK_H_

#include <string>

#include "common/store/archive_contents.h"
#include "fuzz/fuzz_input.h"

namespace halfpipe {

inline void CheckContents(const ArchiveContents& contents,
                          uint64_t file_bytes) {
  constexpr uint64_t kReadable = uint64_t{1} << 20;
  for (const auto& [name, tensor] : contents.tensors) {
    const auto bytes = CheckedByteCount(tensor.shape, tensor.dtype);
    HP_FUZZ_CHECK(bytes.has_value() && *bytes == tensor.bytes);
    HP_FUZZ_CHECK(tensor.offset <= file_bytes);
    HP_FUZZ_CHECK(tensor.bytes <= file_bytes - tensor.offset);
    if (contents.files.empty() || tensor.bytes > kReadable) continue;
    std::string content(tensor.bytes, '\0');
    HP_FUZZ_CHECK(contents.files.front()
                      ->ReadAt(tensor.offset, tensor.bytes, content.data())
                      .ok());
  }
}

}  // namespace halfpipe

#endif  // HP_TESTS_FUZZ_ARCHIVE_CHECK_H_
