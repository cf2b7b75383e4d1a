#include "common/store/restricted_unpickler.h"

#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/status.h"
#include "common/store/pickle_machine.h"

namespace halfpipe {
namespace {

using Values = PickleStack::Values;

absl::Status Malformed(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("malformed pickle: ", what));
}

// The machine: a stack, a memo, and the opcodes. After a failed step the whole
// pickle is given up.
class Unpickler {
 public:
  Unpickler(absl::string_view bytes, std::deque<PickleValue>& values)
      : input_(bytes), values_(values) {}

  // The value at STOP.
  absl::StatusOr<const PickleValue*> Run() {
    while (!stopped_) {
      const size_t at = input_.position();
      HP_ASSIGN_OR_RETURN(uint64_t opcode, input_.Unsigned(1));
      absl::Status status = Step(static_cast<unsigned char>(opcode));
      if (!status.ok()) {
        return Annotate(status, absl::StrCat("pickle byte ", at));
      }
      if (values_.size() > Pickle::kMaxValues) {
        return Malformed("it is larger than any state dict");
      }
    }
    return stack_.Pop();
  }

 private:
  absl::Status Step(unsigned char opcode);
  absl::Status StepContainer(unsigned char opcode);

  template <typename T>
  absl::Status Push(absl::StatusOr<T> value) {
    if (!value.ok()) return value.status();
    stack_.Push(&values_.emplace_back(PickleValue{*std::move(value)}));
    return absl::OkStatus();
  }

  absl::Status PushPlain(PickleValue value) {
    stack_.Push(&values_.emplace_back(std::move(value)));
    return absl::OkStatus();
  }

  absl::Status PushInt(size_t size);
  absl::Status PushLong();
  absl::Status PushGlobal(std::string name);
  absl::Status PushNamedGlobal();
  absl::Status PushStackGlobal();
  absl::Status PushTuple(absl::StatusOr<Values> items);
  absl::Status Memoize(absl::StatusOr<uint64_t> index);
  absl::Status Recall(size_t index_size);
  absl::Status Append(absl::StatusOr<Values> items);
  absl::Status SetItems(absl::StatusOr<Values> items);
  absl::Status Reduce();
  absl::Status Build();
  absl::Status LoadPersistent();

  PickleInput input_;
  std::deque<PickleValue>& values_;
  PickleStack stack_;
  absl::flat_hash_map<uint64_t, PickleValue*> memo_;
  bool stopped_ = false;
};

absl::Status Unpickler::Step(unsigned char opcode) {
  switch (opcode) {
    case 0x80:  // PROTO
      return input_.Unsigned(1).status();
    case 0x95:  // FRAME: only a hint for readers of streams
      return input_.Unsigned(8).status();
    case '.':
      stopped_ = true;
      return absl::OkStatus();
    case 'N':
      return PushPlain({std::monostate()});
    case 0x88:  // NEWTRUE
      return PushPlain({true});
    case 0x89:  // NEWFALSE
      return PushPlain({false});
    case 'K':  // BININT1
      return PushInt(1);
    case 'M':  // BININT2
      return PushInt(2);
    case 'J':  // BININT
      return Push(input_.Signed(4));
    case 0x8a:  // LONG1
      return PushLong();
    case 'G':  // BINFLOAT
      return Push(input_.Double());
    case 0x8c:  // SHORT_BINUNICODE
      return Push(input_.String(1));
    case 'X':  // BINUNICODE
      return Push(input_.String(4));
    case 'c':  // GLOBAL
      return PushNamedGlobal();
    case 0x93:  // STACK_GLOBAL
      return PushStackGlobal();
    case 'R':
      return Reduce();
    case 'b':
      return Build();
    case 'Q':  // BINPERSID
      return LoadPersistent();
    default:
      return StepContainer(opcode);
  }
}

absl::Status Unpickler::StepContainer(unsigned char opcode) {
  switch (opcode) {
    case 'q':  // BINPUT
      return Memoize(input_.Unsigned(1));
    case 'r':  // LONG_BINPUT
      return Memoize(input_.Unsigned(4));
    case 0x94:  // MEMOIZE
      return Memoize(memo_.size());
    case 'h':  // BINGET
      return Recall(1);
    case 'j':  // LONG_BINGET
      return Recall(4);
    case '(':
      return stack_.Mark();
    case ')':
      return PushPlain({PickleTuple{}});
    case ']':
      return PushPlain({PickleList{}});
    case '}':
      return PushPlain({PickleDict{}});
    case 't':
      return PushTuple(stack_.PopToMark());
    case 0x85:  // TUPLE1, 2, 3
    case 0x86:
    case 0x87:
      return PushTuple(stack_.Pop(opcode - 0x84u));
    case 'a':
      return Append(stack_.Pop(1));
    case 'e':
      return Append(stack_.PopToMark());
    case 's':
      return SetItems(stack_.Pop(2));
    case 'u':
      return SetItems(stack_.PopToMark());
    default:
      return absl::InvalidArgumentError(absl::StrFormat(
          "opcode 0x%02x is not one that torch.save writes for a state dict; "
          "save only the weights, torch.save(model.state_dict(), path)",
          static_cast<unsigned>(opcode)));
  }
}

absl::Status Unpickler::PushInt(size_t size) {
  HP_ASSIGN_OR_RETURN(uint64_t value, input_.Unsigned(size));
  return PushPlain({static_cast<int64_t>(value)});
}

absl::Status Unpickler::PushLong() {
  HP_ASSIGN_OR_RETURN(uint64_t size, input_.Unsigned(1));
  if (size > 8) return Malformed("an integer does not fit 64 bits");
  return Push(input_.Signed(size));
}

absl::Status Unpickler::PushGlobal(std::string name) {
  HP_RETURN_IF_ERROR(CheckAllowedGlobal(name));
  return PushPlain({PickleGlobal{std::move(name)}});
}

absl::Status Unpickler::PushNamedGlobal() {
  HP_ASSIGN_OR_RETURN(std::string module, input_.Line());
  HP_ASSIGN_OR_RETURN(std::string name, input_.Line());
  return PushGlobal(absl::StrCat(module, ".", name));
}

absl::Status Unpickler::PushStackGlobal() {
  HP_ASSIGN_OR_RETURN(Values names, stack_.Pop(2));
  const auto* module = std::get_if<std::string>(&names[0]->data);
  const auto* name = std::get_if<std::string>(&names[1]->data);
  if (module == nullptr || name == nullptr) {
    return Malformed("a global's name is not a string");
  }
  return PushGlobal(absl::StrCat(*module, ".", *name));
}

absl::Status Unpickler::PushTuple(absl::StatusOr<Values> items) {
  if (!items.ok()) return items.status();
  return PushPlain({PickleTuple{*std::move(items)}});
}

absl::Status Unpickler::Memoize(absl::StatusOr<uint64_t> index) {
  if (!index.ok()) return index.status();
  HP_ASSIGN_OR_RETURN(memo_[*index], stack_.Top());
  if (memo_.size() > Pickle::kMaxValues) {
    return Malformed("it remembers more than any state dict");
  }
  return absl::OkStatus();
}

absl::Status Unpickler::Recall(size_t index_size) {
  HP_ASSIGN_OR_RETURN(uint64_t index, input_.Unsigned(index_size));
  auto it = memo_.find(index);
  if (it == memo_.end()) return Malformed("it recalls what it never stored");
  stack_.Push(it->second);
  return absl::OkStatus();
}

absl::Status Unpickler::Append(absl::StatusOr<Values> items) {
  if (!items.ok()) return items.status();
  HP_ASSIGN_OR_RETURN(PickleValue * target, stack_.Top());
  auto* list = std::get_if<PickleList>(&target->data);
  if (list == nullptr) return Malformed("it appends to what is no list");
  list->items.insert(list->items.end(), items->begin(), items->end());
  return absl::OkStatus();
}

absl::Status Unpickler::SetItems(absl::StatusOr<Values> items) {
  if (!items.ok()) return items.status();
  HP_ASSIGN_OR_RETURN(PickleValue * target, stack_.Top());
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
  HP_ASSIGN_OR_RETURN(Values call, stack_.Pop(2));
  const auto* global = std::get_if<PickleGlobal>(&call[0]->data);
  const auto* arguments = std::get_if<PickleTuple>(&call[1]->data);
  if (global == nullptr || arguments == nullptr) {
    return Malformed("it calls what is no allowed name");
  }
  HP_ASSIGN_OR_RETURN(PickleValue result, CallGlobal(global->name, *arguments));
  return PushPlain(std::move(result));
}

absl::Status Unpickler::Build() {
  // A state dict's attributes (`_metadata`): of no use here.
  HP_RETURN_IF_ERROR(stack_.Pop().status());
  HP_ASSIGN_OR_RETURN(PickleValue * target, stack_.Top());
  if (std::holds_alternative<PickleDict>(target->data)) {
    return absl::OkStatus();
  }
  return Malformed("it sets attributes of what is no dict");
}

absl::Status Unpickler::LoadPersistent() {
  HP_ASSIGN_OR_RETURN(PickleValue * id, stack_.Pop());
  return Push(StorageOf(*id));
}

}  // namespace

absl::StatusOr<Pickle> Pickle::Parse(absl::string_view bytes) {
  Pickle pickle;
  HP_ASSIGN_OR_RETURN(pickle.root_, Unpickler(bytes, pickle.values_).Run());
  return pickle;
}

}  // namespace halfpipe
