// The stack of the pickle machine, with its marks.
#ifndef HP_COMMON_STORE_PICKLE_STACK_H_
#define HP_COMMON_STORE_PICKLE_STACK_H_

#include <cstddef>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
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

}  // namespace halfpipe

#endif  // HP_COMMON_STORE_PICKLE_STACK_H_
