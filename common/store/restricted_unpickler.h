// Reads the pickle of a torch.save file without running anything: an
// interpreter of the few opcodes that torch writes (protocols 2 to 4), with a
// closed list of names. Opcodes: CPython's Lib/pickletools.py.
#ifndef HP_COMMON_STORE_RESTRICTED_UNPICKLER_H_
#define HP_COMMON_STORE_RESTRICTED_UNPICKLER_H_

#include <cstddef>
#include <deque>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/store/pickle_value.h"

namespace halfpipe {

// A pickle's values; owns them all (they may refer to one another in circles,
// so nobody may walk them without a bound). Movable, not copyable.
class Pickle {
 public:
  // A bound on what a file may ask for, as are PickleInput::kMaxStringBytes
  // and PickleStack::kMaxMarks.
  static constexpr size_t kMaxValues = 1'000'000;

  // Safe on any bytes. InvalidArgument: an opcode or a name that is not
  // allowed, a malformed or cut-off stream, a bound exceeded.
  [[nodiscard]] static absl::StatusOr<Pickle> Parse(absl::string_view bytes);
  Pickle(Pickle&&) = default;
  Pickle& operator=(Pickle&&) = default;

  [[nodiscard]] const PickleValue& root() const { return *root_; }

 private:
  Pickle() = default;

  std::deque<PickleValue> values_;  // never moves its elements
  const PickleValue* root_ = nullptr;
};

}  // namespace halfpipe

#endif  // HP_COMMON_STORE_RESTRICTED_UNPICKLER_H_
