#include "common/store/pickle_machine.h"

#include <bit>

#include "common/base/status.h"

namespace halfpipe {
namespace {

absl::Status EndsEarly() {
  return absl::InvalidArgumentError("the pickle ends early");
}

}  // namespace

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

absl::StatusOr<uint64_t> PickleInput::Unsigned(size_t size) {
  if (rest_.size() < size) return EndsEarly();
  uint64_t value = 0;
  for (size_t i = size; i > 0; --i) {
    value = value << 8 | static_cast<unsigned char>(rest_[i - 1]);
  }
  rest_.remove_prefix(size);
  return value;
}

absl::StatusOr<int64_t> PickleInput::Signed(size_t size) {
  HP_ASSIGN_OR_RETURN(uint64_t value, Unsigned(size));
  if (size == 0 || size == 8) return static_cast<int64_t>(value);
  const uint64_t sign = uint64_t{1} << (8 * size - 1);
  return static_cast<int64_t>((value ^ sign) - sign);
}

absl::StatusOr<double> PickleInput::Double() {
  HP_ASSIGN_OR_RETURN(uint64_t value, Unsigned(8));
  return std::bit_cast<double>(__builtin_bswap64(value));
}

absl::StatusOr<std::string> PickleInput::String(size_t length_size) {
  HP_ASSIGN_OR_RETURN(uint64_t length, Unsigned(length_size));
  if (length > kMaxStringBytes) {
    return absl::InvalidArgumentError("a string of the pickle is too long");
  }
  if (rest_.size() < length) return EndsEarly();
  std::string text(rest_.substr(0, length));
  rest_.remove_prefix(length);
  return text;
}

absl::StatusOr<std::string> PickleInput::Line() {
  const size_t end = rest_.substr(0, kMaxStringBytes).find('\n');
  if (end == absl::string_view::npos) return EndsEarly();
  std::string line(rest_.substr(0, end));
  rest_.remove_prefix(end + 1);
  return line;
}

}  // namespace halfpipe
