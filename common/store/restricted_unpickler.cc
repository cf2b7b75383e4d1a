#include "common/store/restricted_unpickler.h"

#include <bit>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/status.h"
#include "common/store/pickle_calls.h"

namespace halfpipe {

// The stack machine. Every failed read or pop sets no state: the caller gives
// the whole pickle up.
class Unpickler {
 public:
  explicit Unpickler(absl::string_view bytes) : input_(bytes) {}

  absl::StatusOr<Pickle> Run() {
    const size_t total = input_.size();
    while (pickle_.root_ == nullptr) {
      const size_t at = total - input_.size();
      HP_ASSIGN_OR_RETURN(uint64_t opcode, Number(1));
      absl::Status status = Step(static_cast<unsigned char>(opcode));
      if (!status.ok()) {
        return Annotate(status, absl::StrCat("pickle byte ", at));
      }
      if (pickle_.values_.size() > Pickle::kMaxValues ||
          marks_.size() > Pickle::kMaxMarks) {
        return Malformed("it is larger or deeper than any state dict");
      }
    }
    return std::move(pickle_);
  }

 private:
  using Values = std::vector<PickleValue*>;

  static absl::Status Malformed(absl::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat("malformed pickle: ", what));
  }

  absl::Status Step(unsigned char opcode);
  absl::Status StepContainer(unsigned char opcode);

  // Little-endian, 1 to 8 bytes.
  absl::StatusOr<uint64_t> Number(size_t size);
  absl::StatusOr<std::string> Bytes(uint64_t size);
  absl::StatusOr<std::string> Line();

  absl::Status Push(PickleValue value);
  absl::Status PushInt(size_t size, bool is_signed);
  absl::Status PushLong();
  absl::Status PushFloat();
  absl::Status PushString(size_t length_size);
  absl::Status PushGlobal(std::string name);
  absl::Status PushNamedGlobal();
  absl::Status PushStackGlobal();

  absl::StatusOr<PickleValue*> Pop();
  absl::StatusOr<Values> PopCount(size_t count);
  absl::StatusOr<Values> PopToMark();
  absl::Status PushTuple(absl::StatusOr<Values> items);

  absl::Status Memoize(uint64_t index);
  absl::Status Recall(size_t index_size);
  absl::Status Append(absl::StatusOr<Values> items);
  absl::Status SetItems(absl::StatusOr<Values> items);
  absl::Status Reduce();
  absl::Status Build();
  absl::Status LoadPersistent();
  absl::Status Stop();

  absl::string_view input_;  // what is left of it
  Pickle pickle_;
  Values stack_;
  std::vector<size_t> marks_;  // stack sizes
  absl::flat_hash_map<uint64_t, PickleValue*> memo_;
};

absl::StatusOr<Pickle> Pickle::Parse(absl::string_view bytes) {
  return Unpickler(bytes).Run();
}

absl::Status Unpickler::Step(unsigned char opcode) {
  switch (opcode) {
    case 0x80:  // PROTO
      return Number(1).status();
    case 0x95:  // FRAME: only a hint for readers of streams
      return Number(8).status();
    case 'N':
      return Push({std::monostate()});
    case 0x88:  // NEWTRUE
      return Push({true});
    case 0x89:  // NEWFALSE
      return Push({false});
    case 'K':  // BININT1
      return PushInt(1, false);
    case 'M':  // BININT2
      return PushInt(2, false);
    case 'J':  // BININT
      return PushInt(4, true);
    case 0x8a:  // LONG1
      return PushLong();
    case 'G':  // BINFLOAT
      return PushFloat();
    case 0x8c:  // SHORT_BINUNICODE
      return PushString(1);
    case 'X':  // BINUNICODE
      return PushString(4);
    case 'c':  // GLOBAL
      return PushNamedGlobal();
    case 0x93:  // STACK_GLOBAL
      return PushStackGlobal();
    case 'h':  // BINGET
      return Recall(1);
    case 'j':  // LONG_BINGET
      return Recall(4);
    case 'R':
      return Reduce();
    case 'b':
      return Build();
    case 'Q':  // BINPERSID
      return LoadPersistent();
    case '.':
      return Stop();
    default:
      return StepContainer(opcode);
  }
}

absl::Status Unpickler::StepContainer(unsigned char opcode) {
  switch (opcode) {
    case 'q': {  // BINPUT
      HP_ASSIGN_OR_RETURN(uint64_t index, Number(1));
      return Memoize(index);
    }
    case 'r': {  // LONG_BINPUT
      HP_ASSIGN_OR_RETURN(uint64_t index, Number(4));
      return Memoize(index);
    }
    case 0x94:  // MEMOIZE
      return Memoize(memo_.size());
    case '(':
      marks_.push_back(stack_.size());
      return absl::OkStatus();
    case ')':
      return Push({PickleTuple{}});
    case ']':
      return Push({PickleList{}});
    case '}':
      return Push({PickleDict{}});
    case 't':
      return PushTuple(PopToMark());
    case 0x85:  // TUPLE1, 2, 3
    case 0x86:
    case 0x87:
      return PushTuple(PopCount(opcode - 0x84u));
    case 'a':
      return Append(PopCount(1));
    case 'e':
      return Append(PopToMark());
    case 's':
      return SetItems(PopCount(2));
    case 'u':
      return SetItems(PopToMark());
    default:
      return absl::InvalidArgumentError(absl::StrFormat(
          "opcode 0x%02x is not one that torch.save writes for a state dict; "
          "save only the weights, torch.save(model.state_dict(), path)",
          static_cast<unsigned>(opcode)));
  }
}

absl::StatusOr<uint64_t> Unpickler::Number(size_t size) {
  if (input_.size() < size) return Malformed("it ends early");
  uint64_t value = 0;
  for (size_t i = size; i > 0; --i) {
    value = value << 8 | static_cast<unsigned char>(input_[i - 1]);
  }
  input_.remove_prefix(size);
  return value;
}

absl::StatusOr<std::string> Unpickler::Bytes(uint64_t size) {
  if (size > Pickle::kMaxStringBytes) return Malformed("a string is too long");
  if (input_.size() < size) return Malformed("it ends early");
  std::string bytes(input_.substr(0, size));
  input_.remove_prefix(size);
  return bytes;
}

absl::StatusOr<std::string> Unpickler::Line() {
  size_t end = input_.substr(0, Pickle::kMaxStringBytes).find('\n');
  if (end == absl::string_view::npos) return Malformed("a line has no end");
  std::string line(input_.substr(0, end));
  input_.remove_prefix(end + 1);
  return line;
}

absl::Status Unpickler::Push(PickleValue value) {
  stack_.push_back(&pickle_.values_.emplace_back(std::move(value)));
  return absl::OkStatus();
}

absl::Status Unpickler::PushInt(size_t size, bool is_signed) {
  HP_ASSIGN_OR_RETURN(uint64_t value, Number(size));
  int64_t number = static_cast<int64_t>(value);
  if (is_signed) number = static_cast<int32_t>(static_cast<uint32_t>(value));
  return Push({number});
}

absl::Status Unpickler::PushLong() {
  HP_ASSIGN_OR_RETURN(uint64_t size, Number(1));
  if (size > 8) return Malformed("an integer does not fit 64 bits");
  HP_ASSIGN_OR_RETURN(uint64_t value, Number(size));
  if (size == 0 || size == 8) return Push({static_cast<int64_t>(value)});
  const uint64_t sign = uint64_t{1} << (8 * size - 1);
  return Push({static_cast<int64_t>((value ^ sign) - sign)});
}

absl::Status Unpickler::PushFloat() {
  HP_ASSIGN_OR_RETURN(uint64_t value, Number(8));
  return Push({std::bit_cast<double>(__builtin_bswap64(value))});
}

absl::Status Unpickler::PushString(size_t length_size) {
  HP_ASSIGN_OR_RETURN(uint64_t length, Number(length_size));
  HP_ASSIGN_OR_RETURN(std::string text, Bytes(length));
  return Push({std::move(text)});
}

absl::Status Unpickler::PushGlobal(std::string name) {
  HP_RETURN_IF_ERROR(CheckAllowedGlobal(name));
  return Push({PickleGlobal{std::move(name)}});
}

absl::Status Unpickler::PushNamedGlobal() {
  HP_ASSIGN_OR_RETURN(std::string module, Line());
  HP_ASSIGN_OR_RETURN(std::string name, Line());
  return PushGlobal(absl::StrCat(module, ".", name));
}

absl::Status Unpickler::PushStackGlobal() {
  HP_ASSIGN_OR_RETURN(Values names, PopCount(2));
  const auto* module = std::get_if<std::string>(&names[0]->data);
  const auto* name = std::get_if<std::string>(&names[1]->data);
  if (module == nullptr || name == nullptr) {
    return Malformed("a global's name is not a string");
  }
  return PushGlobal(absl::StrCat(*module, ".", *name));
}

absl::StatusOr<PickleValue*> Unpickler::Pop() {
  if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) {
    return Malformed("the stack is empty");
  }
  PickleValue* top = stack_.back();
  stack_.pop_back();
  return top;
}

absl::StatusOr<Unpickler::Values> Unpickler::PopCount(size_t count) {
  Values items(count);
  for (size_t i = count; i > 0; --i) {
    HP_ASSIGN_OR_RETURN(items[i - 1], Pop());
  }
  return items;
}

absl::StatusOr<Unpickler::Values> Unpickler::PopToMark() {
  if (marks_.empty()) return Malformed("a mark is missing");
  auto first = stack_.begin() + static_cast<ptrdiff_t>(marks_.back());
  Values items(first, stack_.end());
  stack_.erase(first, stack_.end());
  marks_.pop_back();
  return items;
}

absl::Status Unpickler::PushTuple(absl::StatusOr<Values> items) {
  if (!items.ok()) return items.status();
  return Push({PickleTuple{*std::move(items)}});
}

absl::Status Unpickler::Memoize(uint64_t index) {
  if (stack_.empty()) return Malformed("nothing to remember");
  memo_[index] = stack_.back();
  if (memo_.size() > Pickle::kMaxValues)
    return Malformed("the memo is too big");
  return absl::OkStatus();
}

absl::Status Unpickler::Recall(size_t index_size) {
  HP_ASSIGN_OR_RETURN(uint64_t index, Number(index_size));
  auto it = memo_.find(index);
  if (it == memo_.end()) return Malformed("it recalls what it never stored");
  stack_.push_back(it->second);
  return absl::OkStatus();
}

absl::Status Unpickler::Append(absl::StatusOr<Values> items) {
  if (!items.ok()) return items.status();
  HP_ASSIGN_OR_RETURN(PickleValue * target, Pop());
  stack_.push_back(target);
  auto* list = std::get_if<PickleList>(&target->data);
  if (list == nullptr) return Malformed("it appends to what is no list");
  list->items.insert(list->items.end(), items->begin(), items->end());
  return absl::OkStatus();
}

absl::Status Unpickler::SetItems(absl::StatusOr<Values> items) {
  if (!items.ok()) return items.status();
  HP_ASSIGN_OR_RETURN(PickleValue * target, Pop());
  stack_.push_back(target);
  auto* dict = std::get_if<PickleDict>(&target->data);
  if (dict == nullptr || items->size() % 2 != 0) {
    return Malformed("it sets items of what is no dict");
  }
  for (size_t i = 0; i < items->size(); i += 2) {
    dict->entries.emplace_back((*items)[i], (*items)[i + 1]);
  }
  return absl::OkStatus();
}

absl::Status Unpickler::Reduce() {
  HP_ASSIGN_OR_RETURN(Values call, PopCount(2));
  const auto* global = std::get_if<PickleGlobal>(&call[0]->data);
  const auto* arguments = std::get_if<PickleTuple>(&call[1]->data);
  if (global == nullptr || arguments == nullptr) {
    return Malformed("it calls what is no allowed name");
  }
  HP_ASSIGN_OR_RETURN(PickleValue result, CallGlobal(global->name, *arguments));
  return Push(std::move(result));
}

absl::Status Unpickler::Build() {
  // A state dict's attributes (`_metadata`): of no use here.
  HP_ASSIGN_OR_RETURN(Values pair, PopCount(2));
  if (!std::holds_alternative<PickleDict>(pair[0]->data)) {
    return Malformed("it sets attributes of what is no dict");
  }
  stack_.push_back(pair[0]);
  return absl::OkStatus();
}

absl::Status Unpickler::LoadPersistent() {
  HP_ASSIGN_OR_RETURN(PickleValue * id, Pop());
  HP_ASSIGN_OR_RETURN(PickledStorage storage, StorageOf(*id));
  return Push({std::move(storage)});
}

absl::Status Unpickler::Stop() {
  HP_ASSIGN_OR_RETURN(pickle_.root_, Pop());
  return absl::OkStatus();
}

}  // namespace halfpipe
