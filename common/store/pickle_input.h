// The bytes of a pickle, taken from the front.
#ifndef HP_COMMON_STORE_PICKLE_INPUT_H_
#define HP_COMMON_STORE_PICKLE_INPUT_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace halfpipe {

// A cursor over borrowed bytes. InvalidArgument from each method when the
// bytes end too early or a string is longer than kMaxStringBytes.
class PickleInput {
 public:
  static constexpr size_t kMaxStringBytes = 1 << 16;

  explicit PickleInput(absl::string_view bytes)
      : total_(bytes.size()), rest_(bytes) {}

  // How many bytes were taken.
  [[nodiscard]] size_t position() const { return total_ - rest_.size(); }

  // Little-endian, 0 to 8 bytes.
  [[nodiscard]] absl::StatusOr<uint64_t> Unsigned(size_t size);
  // The same in two's complement.
  [[nodiscard]] absl::StatusOr<int64_t> Signed(size_t size);
  // Big-endian, as BINFLOAT stores it.
  [[nodiscard]] absl::StatusOr<double> Double();
  // A string behind its length of `length_size` bytes.
  [[nodiscard]] absl::StatusOr<std::string> String(size_t length_size);
  // Up to the next line feed, which is taken but not returned.
  [[nodiscard]] absl::StatusOr<std::string> Line();

 private:
  size_t total_;
  absl::string_view rest_;
};

}  // namespace halfpipe

#endif  // HP_COMMON_STORE_PICKLE_INPUT_H_
