// What the pickle machine works with: its input, its stack, and the only
// "calls" that a torch.save pickle may make, each turned into a plain value.
// Nothing of a pickle is ever executed.
#ifndef HP_COMMON_STORE_PICKLE_MACHINE_H_
#define HP_COMMON_STORE_PICKLE_MACHINE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/store/pickle_value.h"

namespace halfpipe {

// Borrows the values. InvalidArgument when there is nothing to pop above the
// last mark, or no mark; then the stack is of no further use.
class PickleStack {
 public:
  using Values = std::vector<PickleValue*>;
  static constexpr size_t kMaxMarks = 64;

  void Push(PickleValue* value) { values_.push_back(value); }

  [[nodiscard]] absl::Status Mark();
  [[nodiscard]] absl::StatusOr<PickleValue*> Top() const;
  [[nodiscard]] absl::StatusOr<PickleValue*> Pop();
  // The top `count`, in the order they were pushed.
  [[nodiscard]] absl::StatusOr<Values> Pop(size_t count);
  // What was pushed since the last mark, which goes too.
  [[nodiscard]] absl::StatusOr<Values> PopToMark();

 private:
  Values values_;
  std::vector<size_t> marks_;  // sizes of values_
};

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

// OK for collections.OrderedDict, torch._utils._rebuild_tensor_v2, _v3 (fp8)
// and _rebuild_parameter, the torch.*Storage classes and the two fp8 types.
// InvalidArgument names any other.
[[nodiscard]] absl::Status CheckAllowedGlobal(const std::string& name);

// What global(*arguments) stands for. REQUIRES: `global` is allowed.
[[nodiscard]] absl::StatusOr<PickleValue> CallGlobal(
    const std::string& global, const PickleTuple& arguments);

// What the persistent id ('storage', type, key, device, elements) stands for.
[[nodiscard]] absl::StatusOr<PickledStorage> StorageOf(const PickleValue& id);

}  // namespace halfpipe

#endif  // HP_COMMON_STORE_PICKLE_MACHINE_H_
