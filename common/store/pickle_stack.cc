#include "common/store/pickle_stack.h"

#include "common/base/status.h"

namespace halfpipe {

absl::Status PickleStack::Mark() {
  if (marks_.size() >= kMaxMarks) {
    return absl::InvalidArgumentError("the pickle is nested too deeply");
  }
  marks_.push_back(values_.size());
  return absl::OkStatus();
}

absl::StatusOr<PickleValue*> PickleStack::Top() const {
  if (values_.size() <= (marks_.empty() ? 0 : marks_.back())) {
    return absl::InvalidArgumentError("the pickle takes from an empty stack");
  }
  return values_.back();
}

absl::StatusOr<PickleValue*> PickleStack::Pop() {
  HP_ASSIGN_OR_RETURN(PickleValue * top, Top());
  values_.pop_back();
  return top;
}

absl::StatusOr<PickleStack::Values> PickleStack::Pop(size_t count) {
  Values popped(count);
  for (size_t i = count; i > 0; --i) {
    HP_ASSIGN_OR_RETURN(popped[i - 1], Pop());
  }
  return popped;
}

absl::StatusOr<PickleStack::Values> PickleStack::PopToMark() {
  if (marks_.empty()) {
    return absl::InvalidArgumentError("the pickle takes to a missing mark");
  }
  auto first = values_.begin() + static_cast<ptrdiff_t>(marks_.back());
  Values popped(first, values_.end());
  values_.erase(first, values_.end());
  marks_.pop_back();
  return popped;
}

}  // namespace halfpipe
